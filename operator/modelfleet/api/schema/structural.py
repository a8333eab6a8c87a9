"""
JSON schema as pydantic writes it → the structural schema Kubernetes accepts.

Kubernetes takes a subset of OpenAPI 3.0: no references, no unions beyond int-or-string, no null
type, boolean `exclusiveMinimum`, every default complete and in place. What cannot be expressed
raises TypeError with the path of the field, so that a kind that does not fit never gets written.
"""

from typing import Any, NoReturn

from pydantic import BaseModel

Schema = dict[str, Any]

MAX_DEPTH = 12
"""Deepest nesting of our kinds with room to spare; beyond it a model refers to itself."""

KEPT = frozenset(
    {
        "type", "description", "default", "enum", "format", "pattern", "nullable", "required", "properties", "items",
        "additionalProperties", "anyOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    },
)  # fmt: skip


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the structural schema of *model*, with the defaults of nested models written out."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _structural(raw, raw.pop("$defs", {}), model.__name__)


def _structural(node: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    node = _without_optional(_inlined(node, definitions, path), definitions, path)
    if "prefixItems" in node:
        _refuse(path, "a tuple of fixed length")
    node = _openapi_bounds(_with_enum_type(node))
    node = _without_empty_default(_with_object_kind(node))
    result = {key: value for key, value in node.items() if key in KEPT or key.startswith("x-kubernetes-")}
    if not result.keys() & {"type", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}:
        _refuse(path, "a value of any type")
    return result | _structural_children(result, definitions, path)


def _structural_children(node: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    children: Schema = {}
    if "properties" in node:
        children["properties"] = {
            name: _structural(child, definitions, f"{path}.{name}") for name, child in node["properties"].items()
        }
    if "items" in node:
        children["items"] = _structural(node["items"], definitions, f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        children["additionalProperties"] = _structural(node["additionalProperties"], definitions, f"{path}{{}}")
    return children


def _inlined(node: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    """Replace a reference by what it names; what stands beside the reference wins."""
    node = dict(node)
    while reference := node.pop("$ref", None):
        if path.count(".") > MAX_DEPTH:
            _refuse(path, "a recursive model")
        node = definitions[reference.rsplit("/", 1)[-1]] | node
    if len(parts := node.get("allOf", [])) == 1:
        del node["allOf"]
        return _inlined(parts[0] | node, definitions, path)
    return node


def _without_optional(node: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    """Turn `T | None = None` into a T that is not required: for the API server, absent and null are the same."""
    if node.get("x-kubernetes-int-or-string") or "anyOf" not in node:
        return node
    kinds = [option for option in node.pop("anyOf") if option.get("type") != "null"]
    if len(kinds) != 1:
        _refuse(path, f"a union of {len(kinds)} types")
    if node.get("default", "") is None:
        del node["default"]
    return _without_optional(_inlined(kinds[0] | node, definitions, path), definitions, path)


def _with_enum_type(node: Schema) -> Schema:
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "enum" in node and "type" not in node:
        node["type"] = "string" if isinstance(node["enum"][0], str) else "integer"
    return node


def _openapi_bounds(node: Schema) -> Schema:
    for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(bound := node.get(exclusive), int | float) and not isinstance(bound, bool):
            node |= {inclusive: bound, exclusive: True}
    return node


def _with_object_kind(node: Schema) -> Schema:
    """An object has named properties, or values of one type; an open one also keeps what it does not name."""
    if node.get("type") != "object":
        return node
    is_open = node.get("additionalProperties") in (True, {})
    if "properties" in node or is_open or node.get("additionalProperties") is False:
        node.pop("additionalProperties", None)
    if is_open or not node.keys() & {"properties", "additionalProperties"}:
        node["x-kubernetes-preserve-unknown-fields"] = True
    return node


def _without_empty_default(node: Schema) -> Schema:
    """Leave out nulls, empty lists and empty maps: absent says the same, and stored objects stay short."""
    if "default" not in node:
        return node
    default = _pruned(node.pop("default"))
    return node if default in (None, [], {}) else node | {"default": default}


def _pruned(value: Any) -> Any:
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    if not isinstance(value, dict):
        return value
    pruned = {key: _pruned(child) for key, child in value.items()}
    return {key: child for key, child in pruned.items() if child not in (None, [], {})}


def _refuse(path: str, found: str) -> NoReturn:
    raise TypeError(f"{path} must be expressible as a structural schema, found {found}")
