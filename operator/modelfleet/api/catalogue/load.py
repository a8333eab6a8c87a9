"""The built-in catalogues, with what the platform adds and overrides."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from modelfleet.api.catalogue.accelerators import AcceleratorCatalogue, read_accelerators
from modelfleet.api.catalogue.errors import CatalogueError, quoted
from modelfleet.api.catalogue.models import ModelCatalogue, read_models

PARTS = ("accelerators", "models")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything a platform can override."""

    accelerators: AcceleratorCatalogue
    models: ModelCatalogue


def load_catalogue(overrides: Mapping[str, Any] | None = None) -> Catalogue:
    """
    Return the built-in catalogue merged with *overrides*, the chart value `catalogue`.

    *overrides* is `{accelerators: {name: fields}, models: {id: fields}}`: fields of a known entry replace its own,
    objects inside them too, field by field; a new entry must be complete. Raises CatalogueError naming the key.
    """
    given = _parts(overrides or {})
    accelerators = _merged(data_file("accelerators.yaml"), given["accelerators"], "catalogue.accelerators")
    return Catalogue(
        accelerators=read_accelerators(accelerators, where="catalogue.accelerators"),
        models=read_models(data_file("models.yaml"), given["models"], where="catalogue.models"),
    )


@cache
def data_file(name: str) -> dict[str, Any]:
    """Return the content of a YAML file of this package."""
    content = resources.files("modelfleet.api.catalogue").joinpath("data", name).read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(content)
    return read


def _parts(overrides: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    for key in overrides:
        if key not in PARTS:
            raise CatalogueError(f"`catalogue.{key}` is not a catalogue: there are {quoted(PARTS)}")
    parts = {part: overrides.get(part) or {} for part in PARTS}
    for part, entries in parts.items():
        if not isinstance(entries, Mapping):
            raise CatalogueError(f"`catalogue.{part}` must be an object of entries by name")
    return parts


def _merged(built_in: Mapping[str, Any], overrides: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return *built_in* with the fields of *overrides*; a null takes a field away."""
    merged = dict(built_in)
    for name, fields in overrides.items():
        if not isinstance(fields, Mapping):
            raise CatalogueError(f"`{where}.{name}` must be an object")
        merged[name] = _deep(built_in.get(name, {}), fields)
    return merged


def _deep(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(base)
    for key, value in change.items():
        inside = both.get(key)
        nested = isinstance(value, Mapping) and isinstance(inside, Mapping)
        both[key] = _deep(inside, value) if nested and inside else value
    return {key: value for key, value in both.items() if value is not None}
