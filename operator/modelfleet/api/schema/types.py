"""Field types shared by the kinds: strict scalars, Kubernetes names and quantities, list-maps, free-form objects."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict, WithJsonSchema
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic.types import StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MAX_INT_OR_STRING = 32

Int = Annotated[int, Strict()]
"""A JSON integer; neither a string nor a boolean."""
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
            if isinstance(value, str) and len(value) <= MAX_INT_OR_STRING and re.search(self.pattern, value, re.ASCII):
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
        }


Text = Annotated[str, text(at_most=1024)]
ObjectName = Annotated[str, text(pattern=DNS_SUBDOMAIN)]
Label = Annotated[str, text(pattern=DNS_LABEL, at_most=63)]
Quantity = Annotated[int | str, IntOrString(QUANTITY, "a quantity such as `64Gi`, `500m` or `8`")]
"""A Kubernetes quantity such as `64Gi`, `500m` or `8`."""
IntOrPercent = Annotated[int | str, IntOrString(PERCENT, "a count, or a percentage such as `25%`")]
"""A count, or a share such as `25%`."""
StringMap = Annotated[dict[str, Annotated[str, Strict()]], Field(max_length=64)]
FreeObject = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""A Kubernetes object that is handed on as it is; the API server judges it where it is used."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """
    Annotation of a list of at most *at_most* items, and how server-side apply merges it.

    With *keys*, items are told apart by them and may not repeat; `as_set` forbids equal items;
    otherwise an apply replaces the list as one value.
    """

    at_most: int
    keys: tuple[str, ...] = ()
    as_set: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the length, and that keys or items are unique."""

        def check(value: tuple[Any, ...]) -> tuple[Any, ...]:
            if len(value) > self.at_most:
                raise PydanticCustomError("too_long", "must have at most {most} items", {"most": self.at_most})
            if len({self._identity(item) for item in value}) < len(value) and (self.keys or self.as_set):
                raise PydanticCustomError("duplicate", "must not contain the same {what} twice", {"what": self._what()})
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def _identity(self, item: Any) -> Any:
        return tuple(getattr(item, to_snake(key)) for key in self.keys) if self.keys else repr(item)

    def _what(self) -> str:
        return " and ".join(f"`{key}`" for key in self.keys) or "item"

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the list's schema with its merge behaviour."""
        kind = "map" if self.keys else "set" if self.as_set else "atomic"
        merge = {"x-kubernetes-list-type": kind, "maxItems": self.at_most}
        return handler(schema) | merge | ({"x-kubernetes-list-map-keys": list(self.keys)} if self.keys else {})
