"""What pydantic found wrong, in the words of the Kubernetes API: the field, what was found, what must hold."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

LONGEST_VALUE = 80


def explain(error: ValidationError) -> str:
    """Return all problems as one sentence per field."""
    return "; ".join(problems(error))


def problems(error: ValidationError) -> Iterator[str]:
    """Return one line per problem: `` `spec.model.source` "x": must be … ``."""
    for details in error.errors(include_url=False):
        yield f"{field_path(details['loc'])}{_found(details)}: {_sentence(details)}"


def field_path(location: tuple[int | str, ...]) -> str:
    """Return the path of a field as kubectl writes it, in back-quotes: `` `spec.model.adapters[0].name` ``."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"`{path.removeprefix('.')}`" if path else "`object`"


def _found(details: ErrorDetails) -> str:
    value: Any = details["input"]
    if details["type"] == "missing" or isinstance(value, dict | list):
        return ""
    text = str(value)
    return f' "{text[:LONGEST_VALUE]}{"…" if len(text) > LONGEST_VALUE else ""}"'


def _sentence(details: ErrorDetails) -> str:
    if details["type"] == "missing":
        return "must be set"
    if details["type"] == "extra_forbidden":
        return "is not a field of this kind; check the spelling"
    return details["msg"].replace("Input should", "must")
