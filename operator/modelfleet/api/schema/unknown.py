"""Fields a manifest has and its kind does not define: what strict validation of the API server refuses."""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from modelfleet.api.schema.structural import Schema, structural_schema

Path = tuple[str | int, ...]

METADATA_FIELDS = (
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""Fields of Kubernetes' ObjectMeta."""


def unknown_fields(model: type[BaseModel], manifest: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the path of every field of *manifest* that *model* does not define, with the remedy."""
    schema = _root(model)
    for path, known in _unknown(schema, manifest, ()):
        yield path, _remedy(model, path, known)


def _unknown(schema: Schema, value: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(schema.get("items", {}), item, (*path, index))
    if not isinstance(value, Mapping) or "properties" not in schema:
        return  # a map, a free-form object, or a value of the wrong type
    known = schema["properties"]
    for name, child in value.items():
        if name in known:
            yield from _unknown(known[name], child, (*path, name))
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield (*path, name), list(known)


def _remedy(model: type[BaseModel], path: Path, known: list[str]) -> str:
    spelled = {field.lower(): field for field in known}
    near = difflib.get_close_matches(str(path[-1]).replace("_", "").lower(), spelled, n=1)
    owner = ".".join([model.__name__.lower(), *(step for step in path[:-1] if isinstance(step, str))])
    return f"did you mean `{spelled[near[0]]}`?" if near else f"see `kubectl explain {owner}`"


@cache
def _root(model: type[BaseModel]) -> Schema:
    fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    properties = {name: _part(annotation) for name, annotation in fields.items()}
    metadata: Schema = {"properties": {name: {} for name in METADATA_FIELDS}}
    return {"properties": properties | {"metadata": metadata}}


def _part(annotation: Any) -> Schema:
    return structural_schema(annotation) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else {}
