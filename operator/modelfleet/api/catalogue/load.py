"""The built-in catalogues, with what the platform adds and overrides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.catalogue.accelerators import AcceleratorCatalogue
from modelfleet.api.catalogue.models import ModelCatalogue


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything a platform can override."""

    accelerators: AcceleratorCatalogue
    models: ModelCatalogue


def load_catalogue(overrides: Mapping[str, Any] | None = None) -> Catalogue:
    """
    Return the built-in catalogue merged with *overrides*.

    *overrides* is `{accelerators: {name: fields}, models: {id: fields}}`: fields of a known entry replace its own,
    a new entry must be complete. Raises CatalogueError naming the key and what is wrong with it.
    """
    raise NotImplementedError
