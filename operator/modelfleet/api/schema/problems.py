"""
What is wrong with an object a user wrote, in words the user can act on.

`lint` is the strict reading: like `kubectl apply`, it refuses what the kinds do not define. A test
sends generated objects to a real API server and holds its verdicts against `lint`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.unknown import unknown_fields

Words = Callable[[Mapping[str, Any]], str]

WANTED: Mapping[str, Words] = {
    "bool_type": lambda _: "must be true or false",
    "dict_type": lambda _: "must be an object",
    "duplicate": lambda about: f"must not contain the same {about['what']} twice",
    "greater_than_equal": lambda about: f"must be at least {about['ge']}",
    "int_or_string": lambda about: f"must be {about['kind']}",
    "int_type": lambda _: "must be an integer",
    "less_than_equal": lambda about: f"must be at most {about['le']}",
    "list_length": lambda about: f"must have {about['length']}",
    "literal_error": lambda about: f"must be {about['expected']}",
    "missing": lambda _: "must be set",
    "model_type": lambda _: "must be an object",
    "string_pattern_mismatch": lambda about: f"must match {about['pattern']}",
    "string_too_long": lambda about: f"must have at most {about['max_length']} characters",
    "string_too_short": lambda about: f"must have at least {about['min_length']} characters",
    "string_type": lambda _: "must be a string",
    "too_long": lambda about: f"must have at most {about['max_length']} items",
    "tuple_type": lambda _: "must be a list",
}
"""What must hold, by pydantic's type of error; errors that are not listed keep the words of whoever raised them."""

MAX_SHOWN_LENGTH = 80
"""Characters of a found value that a message repeats; the API server cuts its own messages as well."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must change: where, and what must hold."""

    path: tuple[str | int, ...]
    message: str

    @property
    def field(self) -> str:
        """Return the path as people write it, such as `spec.engine.env[0].name`; empty for the object itself."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).removeprefix(".")

    def __str__(self) -> str:
        """Return the field and the message."""
        return f"{self.field}: {self.message}" if self.path else self.message


def lint(model: type[ApiModel], manifest: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return what the API server would refuse in *manifest*, unknown fields and Python's spelling of names included."""
    unknown = (Problem(path, f"is not a field; {remedy}") for path, remedy in unknown_fields(model, manifest))
    try:
        model.model_validate(manifest, by_alias=True, by_name=False)
    except ValidationError as error:
        return (*problems(error), *unknown)
    return tuple(unknown)


def problems(error: ValidationError) -> tuple[Problem, ...]:
    """Return what made a kind refuse an object, in the order of its fields."""
    return tuple(Problem(detail["loc"], _message(detail)) for detail in error.errors(include_url=False))


def explain(error: ValidationError) -> str:
    """Return all that is wrong in one sentence: `` `spec.replicas` must be …; `spec.model` must be … ``."""
    return "; ".join(f"`{problem.field}` {problem.message}" for problem in problems(error))


def _message(detail: ErrorDetails) -> str:
    if detail["type"] == "rule":
        return _rule_message(detail)
    wanted = WANTED.get(detail["type"])
    if wanted is None:
        return detail["msg"]
    must = wanted(detail.get("ctx", {}))
    return must if detail["type"] == "missing" else f"{must}, found {shown(detail['input'])}"


def _rule_message(detail: ErrorDetails) -> str:
    """Rules over several fields name what they found; those on a single text leave it to the caller."""
    return f"{detail['msg']}; found {shown(detail['input'])}" if isinstance(detail["input"], str) else detail["msg"]


def shown(value: Any) -> str:
    """Return *value* for a message: as JSON, and cut where it is long."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN_LENGTH else f'{text[:MAX_SHOWN_LENGTH]}…"'
