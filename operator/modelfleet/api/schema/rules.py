"""
A validation rule that is written once and speaks twice.

Each rule carries a CEL expression for the API server and a predicate for Python, side by side, with
one message. The generator writes the CEL into the CRD; `ApiModel` and `checked` run the predicate.
A test sends generated objects to a real API server and holds both verdicts against each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence that must hold for a value, in CEL (`self` is the value) and in Python."""

    cel: str
    holds: Callable[[Any], bool]
    message: str
    field_path: str = ""

    def as_validation(self) -> dict[str, str]:
        """Return the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel, "message": self.message}
        return entry | {"fieldPath": self.field_path} if self.field_path else entry


def broken(rules: tuple[Rule, ...], value: Any) -> list[str]:
    """Return the messages of the *rules* that do not hold for *value*, in order."""
    return [rule.message for rule in rules if not rule.holds(value)]


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
