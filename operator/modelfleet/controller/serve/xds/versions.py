"""
Versions of resources: `<vector>.<digest>`, as in `7-1201-1198.9f86d081884c7d65`.

The vector has one number for each input, none of which ever shrinks: a counter of releases in front, then a
resourceVersion for each watched kind. It tells whether a gateway has seen a later state than this replica; the digest
tells whether a gateway has the content already, whoever sent it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

Vector = tuple[int, ...]


def label(vector: Vector) -> str:
    """Return *vector* as it is written in versions, and in the marker."""
    return "-".join(map(str, vector))


def version(vector: Vector, digest: str) -> str:
    """Return the version of content with this *digest* that was put at *vector*."""
    return f"{label(vector)}.{digest}"


def digest_of(version: str | None) -> str | None:
    """Return the digest in a version; None of None."""
    return None if version is None else version.rpartition(".")[2]


def vector_of(version: str) -> Vector:
    """Return the vector in a version; empty when nobody knows it, as in versions of another server."""
    head = version.rpartition(".")[0]
    return tuple(map(int, head.split("-"))) if head.replace("-", "").isdigit() and "" not in head.split("-") else ()


def is_behind(mine: Vector, other: Vector) -> bool:
    """
    Whether *mine* is older than *other* in any component.

    Vectors of different lengths come from releases with different inputs; only the release in front is compared.
    """
    if len(mine) != len(other):
        mine, other = mine[:1], other[:1]
    return any(own < its for own, its in zip(mine, other, strict=False))


def is_at_least(held: str | None, wanted: str) -> bool:
    """Whether the version that is *held* has the content of *wanted*, or was made of a state no older."""
    if held is None:
        return False
    return digest_of(held) == digest_of(wanted) or not is_behind(vector_of(held), vector_of(wanted))


@dataclass(slots=True)
class Floor:
    """The latest state that a gateway has seen anywhere: the largest number of each component, for each length."""

    _latest: dict[int, Vector] = field(default_factory=dict)
    _forgotten: dict[int, Vector] = field(default_factory=dict)

    def rise(self, versions: Iterable[str]) -> None:
        """Take in what a gateway holds."""
        for vector in map(vector_of, versions):
            if vector:
                known = self._latest.get(len(vector), vector)
                self._latest[len(vector)] = tuple(map(max, known, vector))

    def forget(self, vector: Vector) -> None:
        """Count what is no later than *vector* no longer, whether it was taken in or is still to come."""
        known = self._forgotten.get(len(vector), vector)
        self._forgotten[len(vector)] = tuple(map(max, known, vector))

    def above(self, mine: Vector) -> list[Vector]:
        """Return the vectors that *mine* is behind."""
        counted = [v for v in self._latest.values() if is_behind(self._forgotten.get(len(v), (-1,) * len(v)), v)]
        return [vector for vector in counted if is_behind(mine, vector)]
