"""Valid manifests to start from, and how to change one at a path."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from modelfleet.api.kinds import KINDS
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.crd import crd

BASES = Path(__file__).parent / "bases"

Manifest = dict[str, Any]
Steps = tuple[str | int, ...]


class Removed:
    """Stands for a field that is taken away."""


REMOVED = Removed()


@dataclass(frozen=True, slots=True)
class Spec:
    """A generated manifest, and what was done to make it."""

    label: str
    manifest: Manifest


@cache
def bases() -> Mapping[str, Manifest]:
    """Return valid manifests by name; together they use every field of every kind."""
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted(BASES.glob("*.yaml"))}


@cache
def model_of(kind: str) -> type[ApiModel]:
    """Return the model of a kind."""
    return next(ours.model for ours in KINDS if ours.name == kind)


@cache
def schema_of(kind: str) -> Mapping[str, Any]:
    """Return the schema of the spec of a kind, as the API server gets it."""
    definition = crd(next(ours for ours in KINDS if ours.name == kind))
    schema: Mapping[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema["properties"]["spec"]  # type: ignore[no-any-return]


def changed(manifest: Mapping[str, Any], steps: Steps, value: Any) -> Manifest:
    """Return a copy of *manifest* with *value* at *steps*; parents that are missing are made, `REMOVED` takes away."""
    result = copy.deepcopy(dict(manifest))
    *parents, last = steps
    node: Any = result
    for step in parents:
        node = node[step] if isinstance(step, int) else node.setdefault(step, {})
    if isinstance(value, Removed):
        if isinstance(last, int) or last in node:
            del node[last]
    else:
        node[last] = copy.deepcopy(value)
    return result


def steps_of(path: str) -> Steps:
    """Return the steps of a path such as `spec.engine.env[0].name`."""
    parts = path.replace("[", ".[").split(".")
    return tuple(int(part[1:-1]) if part.startswith("[") else part for part in parts)


def schema_paths(schema: Mapping[str, Any], path: str = "spec") -> Iterator[str]:
    """Yield the path of every field of a schema, with `[]` for items and `{}` for the values of maps."""
    yield path
    for name, child in schema.get("properties", {}).items():
        yield from schema_paths(child, f"{path}.{name}")
    if "items" in schema:
        yield from schema_paths(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from schema_paths(schema["additionalProperties"], f"{path}{{}}")
