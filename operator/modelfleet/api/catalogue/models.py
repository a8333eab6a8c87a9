"""
The model catalogue: the architecture of well-known models, found by where their weights are.

A model is found by its Hugging Face id. Weights elsewhere, and copies that other organisations publish, are found by
the last part of their path; what that ends in (`-AWQ`, `-FP8`, `-quantized.w4a16`) says how they are quantized.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from modelfleet.api.catalogue.errors import CatalogueError, read_entry
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.api.v1alpha1.model_deployment.model import path_of, scheme_of


@dataclass(frozen=True, slots=True)
class Suffix:
    """What the end of a model's name says about its weights."""

    suffix: str
    quantization: str
    block_size: int | None = None
    organisations: frozenset[str] = frozenset()
    """organisations are the only ones whose names it counts for; empty means everybody's."""

    def ends(self, name: str, organisation: str) -> bool:
        """Return whether *name* of *organisation*, both in lower case, ends in this suffix."""
        return name.endswith(self.suffix) and (not self.organisations or organisation in self.organisations)

    def applied(self, architecture: Architecture) -> Architecture:
        """Return *architecture* with weights of this kind."""
        changes = {"quantization": self.quantization, "quantization_block_size": self.block_size}
        return architecture.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class ModelCatalogue:
    """Architectures by Hugging Face id; lookups ignore case."""

    entries: Mapping[str, Architecture]
    """entries are the architectures by id, as published."""
    suffixes: tuple[Suffix, ...] = ()
    republishers: frozenset[str] = frozenset()
    """republishers are organisations, in lower case, that publish other people's models under the same names."""

    def find(self, source: str) -> Architecture | None:
        """Return the architecture of the model at *source* (hf://, s3://, gs://, oci:// or pvc://), or None."""
        path = path_of(source).lower()
        if scheme_of(source) == "hf":
            return self.by_id(path)
        return self._by_name(_last_part(path), "")

    def by_id(self, model_id: str) -> Architecture | None:
        """Return the architecture of the Hugging Face *model_id*, or of the model it is a copy of, or None."""
        wanted = model_id.lower()
        for known, architecture in self.entries.items():
            if known.lower() == wanted:
                return architecture
        organisation, _, name = wanted.rpartition("/")
        publishers = self.republishers | {_organisation(known) for known in self.entries}
        return self._by_name(name, organisation) if organisation in publishers else None

    def _by_name(self, name: str, organisation: str) -> Architecture | None:
        by_name = {_last_part(known.lower()): architecture for known, architecture in self.entries.items()}
        if name in by_name:
            return by_name[name]
        for suffix in self.suffixes:
            if suffix.ends(name, organisation) and (base := by_name.get(name.removesuffix(suffix.suffix))):
                return suffix.applied(base)
        return None


def read_models(data: Mapping[str, Any], overrides: Mapping[str, Any], *, where: str) -> ModelCatalogue:
    """
    Return the catalogue of *data*, the built-in file, with *overrides*, `{id: fields}`.

    Fields of a known id replace its own; a new id must be complete. Raises CatalogueError naming the key below *where*.
    """
    entries = dict(_families(data["families"]))
    for model_id, fields in overrides.items():
        entries[model_id] = _overridden(entries, model_id, fields, f"{where}.{model_id}")
    return ModelCatalogue(
        entries=MappingProxyType(entries),
        suffixes=tuple(_suffix(entry) for entry in data["suffixes"]),
        republishers=frozenset(name.lower() for name in data["republishers"]),
    )


def _families(families: Mapping[str, Any]) -> Iterable[tuple[str, Architecture]]:
    for family, entry in families.items():
        base = entry["architecture"]
        for variant in ({"ids": entry["ids"]}, *entry.get("variants", ())):
            changes = {key: value for key, value in variant.items() if key != "ids"}
            architecture = read_entry(Architecture, base | changes, family)
            yield from ((model_id, architecture) for model_id in variant["ids"])


def _overridden(entries: dict[str, Architecture], model_id: str, fields: Any, where: str) -> Architecture:
    if "/" not in model_id:
        raise CatalogueError(f"`{where}` must be the Hugging Face id of a model, such as organisation/model")
    if not isinstance(fields, Mapping):
        raise CatalogueError(f"`{where}` must be an object")
    same = next((known for known in entries if known.lower() == model_id.lower()), None)
    base = entries.pop(same).model_dump(exclude_none=True) if same else {}
    return read_entry(Architecture, base | dict(fields), where)


def _suffix(entry: Mapping[str, Any]) -> Suffix:
    return Suffix(
        suffix=entry["suffix"].lower(),
        quantization=entry["quantization"],
        block_size=entry.get("quantizationBlockSize"),
        organisations=frozenset(name.lower() for name in entry.get("organisations", ())),
    )


def _organisation(model_id: str) -> str:
    return model_id.lower().partition("/")[0]


def _last_part(path: str) -> str:
    """Return what follows the last slash, without the tag or digest of an image."""
    return path.rpartition("/")[2].partition("@")[0].partition(":")[0]
