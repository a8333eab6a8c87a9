"""Errors of the catalogues, and how they suggest what was meant."""

import difflib
from collections.abc import Iterable


class CatalogueError(ValueError):
    """A catalogue entry is unknown or invalid; the message says which key, what was found and what to do."""


def nearest(name: str, known: Iterable[str], *, at_most: int = 3) -> tuple[str, ...]:
    """Return up to *at_most* of the *known* names that look like *name*, best first, ignoring case."""
    by_lower = {candidate.lower(): candidate for candidate in sorted(known)}
    found = difflib.get_close_matches(name.lower(), by_lower, n=at_most, cutoff=0.5)
    return tuple(by_lower[match] for match in found)


def quoted(names: Iterable[str]) -> str:
    """Return *names* in quotes, separated by commas: `"a", "b"`."""
    return ", ".join(f'"{name}"' for name in names)
