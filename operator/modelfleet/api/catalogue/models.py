"""The model catalogue: the architecture of well-known models, found by where their weights are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.v1alpha1.architecture import Architecture


@dataclass(frozen=True)
class ModelCatalogue:
    """Architectures by Hugging Face id, compared without case."""

    entries: Mapping[str, Architecture]

    def find(self, source: str) -> Architecture | None:
        """
        Return the architecture of the model at *source* (hf://, s3://, gs://, oci:// or pvc://), or None.

        An hf:// id is looked up as it is; elsewhere the last part of the path may be a known model's name.
        """
        raise NotImplementedError


def read_models(data: Mapping[str, Any]) -> ModelCatalogue:
    """Return the catalogue of *data*; raise CatalogueError naming the entry and the field."""
    raise NotImplementedError
