"""Field types shared by the kinds: strict scalars, Kubernetes names and quantities, list-maps, free-form objects."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict, WithJsonSchema
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic.types import StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from modelfleet.api.schema.patterns import matches

MAX_INT_OR_STRING = 32


def _without_nulls(value: Any) -> Any:
    return {key: child for key, child in value.items() if child is not None} if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class Whole:
    """
    Annotation that makes the API server refuse `2.0` where an integer is asked for, as the models do.

    Its schema takes `2.0` for an integer, but CEL and the scale subresource stumble over it: whether it is
    refused would depend on whether some rule reads the field. So every such field has a rule that reads it.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the rule to the value's own schema."""
        return handler(schema) | WHOLE


WHOLE = {"x-kubernetes-validations": [{"rule": "self == self", "message": "must be an integer"}]}

Int = Annotated[int, Strict(), Whole()]
"""A JSON integer; neither a string, nor a boolean, nor `2.0`."""
Bool = Annotated[bool, Strict()]
"""A JSON boolean; neither a string nor a number."""

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
QUANTITY = r"^([0-9]+|[0-9]*\.[0-9]+)([EPTGM]i?|Ki|[km])?$"
PERCENT = r"^(100|[1-9]?[0-9])%$"


def text(*, pattern: str | None = None, at_least: int = 1, at_most: int = 253) -> StringConstraints:
    """Return the annotation of a string of *at_least* to *at_most* characters that matches *pattern*."""
    return StringConstraints(strict=True, pattern=pattern, min_length=at_least, max_length=at_most)


@dataclass(frozen=True, slots=True)
class IntOrString:
    """Annotation of a value that is a non-negative integer, or a string of at most 32 characters like *pattern*."""

    pattern: str
    kind: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Accept exactly what the API server accepts, with one message."""

        def check(value: Any) -> int | str:
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
            if isinstance(value, str) and len(value) <= MAX_INT_OR_STRING and matches(self.pattern, value):
                return value
            raise PydanticCustomError("int_or_string", "must be {kind}", {"kind": self.kind})

        return core_schema.no_info_plain_validator_function(check)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema Kubernetes uses for its own int-or-string fields."""
        return {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": self.pattern,
            "maxLength": MAX_INT_OR_STRING,
            "minimum": 0,
            **WHOLE,
        }


Text = Annotated[str, text(at_most=1024)]
ObjectName = Annotated[str, text(pattern=DNS_SUBDOMAIN)]
Label = Annotated[str, text(pattern=DNS_LABEL, at_most=63)]
Quantity = Annotated[int | str, IntOrString(QUANTITY, "a quantity such as `64Gi`, `500m` or `8`")]
"""A Kubernetes quantity such as `64Gi`, `500m` or `8`."""
IntOrPercent = Annotated[int | str, IntOrString(PERCENT, "a count, or a percentage such as `25%`")]
"""A count, or a share such as `25%`."""
StringMap = Annotated[dict[str, Annotated[str, Strict()]], Field(max_length=64), BeforeValidator(_without_nulls)]
"""Up to 64 texts by name; a null is dropped, as the API server drops it."""
FreeObject = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""A Kubernetes object that is handed on as it is; the API server judges it where it is used."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """
    Annotation of a list of *at_least* to *at_most* items, and how server-side apply merges it.

    With *keys*, items are told apart by them and may not repeat; `as_set` forbids equal items;
    otherwise an apply replaces the list as one value.
    """

    at_most: int
    keys: tuple[str, ...] = ()
    as_set: bool = False
    at_least: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the length, and that keys or items are unique."""
        identity = self._identity()

        def check(value: tuple[Any, ...]) -> tuple[Any, ...]:
            if not self.at_least <= len(value) <= self.at_most:
                raise PydanticCustomError("list_length", "must have {length}", {"length": self._length()})
            if identity and len({identity(item) for item in value}) < len(value):
                raise PydanticCustomError("duplicate", "must not contain the same {what} twice", {"what": self._what()})
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def _identity(self) -> Callable[[Any], Any] | None:
        """Return what tells two items apart, or nothing where equal items are welcome."""
        if self.keys:
            return attrgetter(*(to_snake(key) for key in self.keys))
        return repr if self.as_set else None

    def _what(self) -> str:
        return " and ".join(f"`{key}`" for key in self.keys) or "item"

    def _length(self) -> str:
        return f"{self.at_least} to {self.at_most} items" if self.at_least else f"at most {self.at_most} items"

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the list's schema with its merge behaviour."""
        kind = "map" if self.keys else "set" if self.as_set else "atomic"
        merge: JsonSchemaValue = {"x-kubernetes-list-type": kind, "maxItems": self.at_most}
        if self.keys:
            merge["x-kubernetes-list-map-keys"] = list(self.keys)
        if self.at_least:
            merge["minItems"] = self.at_least
        return handler(schema) | merge
