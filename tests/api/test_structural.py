"""pydantic's JSON schema becomes a structural schema, or the generator says which field cannot."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.structural import structural_schema
from modelfleet.api.schema.types import FreeObject, Int, ListOf, Quantity, StringMap


class Inner(ApiModel):
    """Something inside."""

    size: Int = 3


class Open(ApiModel, extra="allow"):
    """Named fields, and whatever else there is."""

    name: str


def schema_of(annotation: Any, default: Any = ...) -> dict[str, Any]:
    """Return the schema of a field with *annotation*."""
    model = type("Model", (ApiModel,), {"__annotations__": {"field": annotation}, "field": Field(default)})
    field: dict[str, Any] = structural_schema(model)["properties"]["field"]
    return field


def test_optional_field_is_a_plain_one_that_is_not_required() -> None:
    class Model(ApiModel):
        size: Int | None = None

    schema = structural_schema(Model)

    assert "required" not in schema
    assert schema["properties"]["size"]["type"] == "integer"
    assert not schema["properties"]["size"].keys() & {"default", "nullable", "anyOf"}


def test_default_of_a_nested_model_is_written_out() -> None:
    assert schema_of(Inner, Inner())["default"] == {"size": 3}


def test_default_that_says_the_same_as_absence_is_left_out() -> None:
    assert "default" not in schema_of(tuple[str, ...], ())
    assert "default" not in schema_of(dict[str, str], {})


def test_exclusive_bounds_are_booleans() -> None:
    schema = schema_of(Annotated[int, Field(gt=0)])

    assert (schema["minimum"], schema["exclusiveMinimum"]) == (0, True)


def test_literal_with_one_value_is_an_enum() -> None:
    assert schema_of(Literal["Only"])["enum"] == ["Only"]


def test_open_model_keeps_unknown_fields_beside_its_own() -> None:
    schema = structural_schema(Open)

    assert schema["properties"].keys() == {"name"}
    assert schema["x-kubernetes-preserve-unknown-fields"] is True


def test_free_object_and_map_have_no_named_fields() -> None:
    assert schema_of(FreeObject)["x-kubernetes-preserve-unknown-fields"] is True
    assert schema_of(StringMap)["additionalProperties"] == {"type": "string"}


def test_int_or_string_keeps_its_union() -> None:
    schema = schema_of(Quantity)

    assert schema["x-kubernetes-int-or-string"] is True
    assert schema["anyOf"] == [{"type": "integer"}, {"type": "string"}]


def test_list_says_how_it_merges_and_how_long_it_may_be() -> None:
    schema = schema_of(Annotated[tuple[Inner, ...], ListOf(5, keys=("size",), at_least=1)])

    assert schema["x-kubernetes-list-type"] == "map"
    assert schema["x-kubernetes-list-map-keys"] == ["size"]
    assert (schema["minItems"], schema["maxItems"]) == (1, 5)


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        pytest.param(int | str, "a union of 2 types", id="a union"),
        pytest.param(tuple[int, str], "a tuple of fixed length", id="a tuple"),
        pytest.param(Any, "a value of any type", id="anything"),
    ],
)
def test_what_cannot_be_expressed_is_refused_with_its_path(annotation: Any, found: str) -> None:
    with pytest.raises(TypeError, match=rf"Model\.field must be expressible.*found {found}"):
        schema_of(annotation)


class Recursive(ApiModel):
    """A model that contains itself."""

    child: "Recursive | None" = None


def test_recursive_model_is_refused() -> None:
    with pytest.raises(TypeError, match="found a recursive model"):
        structural_schema(Recursive)
