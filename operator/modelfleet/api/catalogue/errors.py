"""Errors of the catalogues: which key, what is wrong with it, and what was probably meant."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.problems import lint

Entry = TypeVar("Entry", bound=ApiModel)


class CatalogueError(ValueError):
    """A catalogue entry is unknown or invalid; the message says which key, what was found and what to do."""


def nearest(name: str, known: Iterable[str], *, at_most: int = 3, cutoff: float = 0.5) -> tuple[str, ...]:
    """Return up to *at_most* of the *known* names at least *cutoff* (0–1) like *name*, best first, ignoring case."""
    by_lower = {candidate.lower(): candidate for candidate in sorted(known)}
    found = difflib.get_close_matches(name.lower(), by_lower, n=at_most, cutoff=cutoff)
    return tuple(by_lower[match] for match in found)


def containing(part: str, known: Iterable[str], *, at_most: int = 3) -> tuple[str, ...]:
    """Return the first *at_most* of the *known* names that contain *part*, such as `h100`, ignoring case."""
    return tuple(name for name in sorted(known) if part and part.lower() in name.lower())[:at_most]


def quoted(names: Iterable[str]) -> str:
    """Return *names* in quotes, separated by commas: `"a", "b"`."""
    return ", ".join(f'"{name}"' for name in names)


def read_entry(model: type[Entry], fields: Mapping[str, Any], where: str) -> Entry:
    """Return *fields* as *model*, unknown fields refused; raise CatalogueError that says which field is wrong."""
    if problems := lint(model, fields):
        raise CatalogueError("; ".join(f"`{where}.{problem.field}` {_words(problem.message)}" for problem in problems))
    return model.model_validate(fields)


def _words(message: str) -> str:
    """Return *message* without its advice to ask kubectl, which does not know catalogues."""
    return message.partition("; see `kubectl explain")[0]
