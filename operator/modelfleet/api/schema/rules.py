"""
A validation rule that is written once and speaks twice.

Each rule carries a CEL expression for the API server and a predicate for Python, side by side, with
one message. The generator writes the CEL into the CRD; `ApiModel` and `checked` run the predicate.
A test sends generated objects to a real API server and holds both verdicts against each other.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class Found:
    """
    How a message names the values that break a rule: a text with a `%s` for each expression, and the same in Python.

    The API server prices `+` by the longest text it may make, and `format` as one call: a message is one `format`.
    """

    form: str
    cel: tuple[str, ...]
    text: Callable[[Any], str]


def fields(*paths: str) -> Found:
    """Return how to name the fields at *paths* of the value, such as `rollout.maxSurge`, with what each holds."""
    cel = (f"""has(self.{path}) ? '"%s"'.format([self.{path}]) : 'absent'""" for path in paths)
    form = " and ".join(f"`{path}` %s" for path in paths)
    return Found(form, tuple(cel), lambda value: " and ".join(_named(value, path) for path in paths))


def each(cel: str, pick: Callable[[Any], Iterable[str]]) -> Found:
    """Return how to name the texts of a list: those of the expression *cel*, in Python those *pick* returns."""
    return Found("%s", (cel,), lambda value: json.dumps(list(pick(value)), ensure_ascii=False))


def present(*names: str) -> Found:
    """Return how to name which of the fields *names* are set."""
    set_names = ", ".join(f"has(self.{name}) ? '{name}' : ''" for name in names)
    return each(
        f"[{set_names}].filter(name, name != '')",
        lambda value: [name for name in names if getattr(value, to_snake(name)) is not None],
    )


def _named(value: Any, path: str) -> str:
    for name in path.split("."):
        value = getattr(value, to_snake(name))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{path}` absent" if value is None else f'`{path}` "{text}"'


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence that must hold for a value, in CEL (`self` is the value) and in Python."""

    cel: str
    holds: Callable[[Any], bool]
    message: str
    found: Found | None = None

    def as_validation(self) -> dict[str, str]:
        """Return the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        if self.found is None:
            return entry
        form = self.message.replace("\\", "\\\\").replace("'", "\\'").replace("%", "%%") + f"; found {self.found.form}"
        return entry | {"messageExpression": f"'{form}'.format([{', '.join(self.found.cel)}])"}

    def complaint(self, value: Any) -> str:
        """Return the message for a *value* that breaks the rule, with what was found."""
        return self.message if self.found is None else f"{self.message}; found {self.found.text(value)}"


def broken(rules: tuple[Rule, ...], value: Any) -> list[str]:
    """Return the complaints of the *rules* that do not hold for *value*, in order."""
    return [rule.complaint(value) for rule in rules if not rule.holds(value)]


def rule_error(messages: list[str]) -> PydanticCustomError:
    """Return the error pydantic reports for broken rules; braces in messages are kept as they are."""
    return PydanticCustomError("rule", "{messages}", {"messages": "; ".join(messages)})


@dataclass(frozen=True, slots=True)
class Checked:
    """Annotation that puts rules on a scalar or list: `Annotated[str, Checked((rule,))]`."""

    rules: tuple[Rule, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Run the predicates after the value itself was validated."""

        def check(value: Any) -> Any:
            if messages := broken(self.rules, value):
                raise rule_error(messages)
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Put the CEL beside the value's own schema."""
        return handler(schema) | {"x-kubernetes-validations": [rule.as_validation() for rule in self.rules]}
