"""A kind → its CustomResourceDefinition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from modelfleet.api.names import CATEGORY, GROUP, VERSION
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.structural import structural_schema

AGE = {
    "name": "Age",
    "type": "date",
    "jsonPath": ".metadata.creationTimestamp",
    "description": "Time since creation.",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; priority 1 shows it only with `-o wide`."""

    name: str
    type: str
    json_path: str
    description: str
    priority: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the entry of `additionalPrinterColumns`."""
        column = {"name": self.name, "type": self.type, "jsonPath": self.json_path, "description": self.description}
        return column | ({"priority": self.priority} if self.priority else {})


@dataclass(frozen=True, slots=True)
class Kind:
    """One of our kinds: its model, and how kubectl shows it."""

    model: type[ApiModel]
    plural: str
    short_name: str
    columns: tuple[Column, ...]
    scale: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the kind as written in manifests."""
        return self.model.__name__


def crd(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of *kind*."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": [CATEGORY],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    scale = {"scale": dict(kind.scale)} if kind.scale else {}
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}} | scale,
        "additionalPrinterColumns": [*(column.as_dict() for column in kind.columns), AGE],
        "schema": {"openAPIV3Schema": _root_schema(kind.model)},
    }


def _root_schema(model: type[ApiModel]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": (model.__doc__ or "").strip(),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _part(model, "spec"),
            "status": _part(model, "status"),
        },
        "x-kubernetes-validations": [rule.as_validation() for rule in model.validations],
    }


def _part(model: type[ApiModel], name: str) -> dict[str, Any]:
    part = model.model_fields[name]
    if not (isinstance(part.annotation, type) and issubclass(part.annotation, BaseModel)):
        raise TypeError(f"`{model.__name__}.{name}` must be a model, found {part.annotation!r}")
    schema = structural_schema(part.annotation)
    default = {"default": {"conditions": schema["properties"]["conditions"]["default"]}} if name == "status" else {}
    return schema | {"description": part.description or ""} | default
