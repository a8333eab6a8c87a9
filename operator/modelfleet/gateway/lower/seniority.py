"""Which of two objects came first."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from modelfleet.api.served_names import LONG_AGO
from modelfleet.api.v1alpha1.metadata import ObjectMeta


class _Dated(Protocol):
    @property
    def metadata(self) -> ObjectMeta: ...


Dated = TypeVar("Dated", bound=_Dated)


def by_age(objects: Iterable[Dated]) -> list[Dated]:
    """Return *objects*, the oldest first, then by namespace and name."""
    return sorted(objects, key=lambda one: _age(one.metadata))


def _age(metadata: ObjectMeta) -> tuple[float, str, str]:
    return (metadata.creation_timestamp or LONG_AGO).timestamp(), metadata.namespace, metadata.name
