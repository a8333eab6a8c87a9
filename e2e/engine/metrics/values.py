"""
The values behind the families: plain numbers, added to by the engine and read by a scrape.

A family that the release lacks gives handles that lead nowhere, so that whoever records need not know the release.
"""

import time
from bisect import bisect_left
from dataclasses import dataclass, field

from e2e.engine.metrics.families import Family, Selection, buckets, families


@dataclass(slots=True)
class Number:
    """A counter or a gauge."""

    value: float = 0.0
    created: float = field(default_factory=time.time)

    def add(self, amount: float) -> None:
        """Count *amount* more."""
        self.value += amount

    def set(self, value: float) -> None:
        """Replace the value."""
        self.value = value


@dataclass(slots=True)
class Distribution:
    """A histogram: how many observations fell into each bucket, and their sum."""

    bounds: tuple[float, ...] = ()
    counts: list[int] = field(default_factory=list)
    total: float = 0.0
    created: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Count *value* in its bucket; a bound belongs to the bucket below it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


Labels = tuple[str, ...]


class Store:
    """All series of one server, one `engine` label per data-parallel rank."""

    def __init__(self, selection: Selection, *, model_name: str, engines: int = 1) -> None:
        self.families = families(selection)
        self._named = {family.name: family for family in self.families}
        self.numbers: dict[str, dict[Labels, Number]] = {}
        self.distributions: dict[str, dict[Labels, Distribution]] = {}
        self._model_name = model_name
        self._bounds = {
            family.name: buckets(family, selection) for family in self.families if family.type == "histogram"
        }
        for family in self.families:
            self._create(family, engines)

    def number(self, name: str, *extra: str, engine: int = 0) -> Number:
        """Return the counter or gauge *name* with the label values *extra*, made when it is missing."""
        family = self._family(name)
        if family is None:
            return Number()
        return self.numbers[name].setdefault(self._labels(family, extra, engine), Number())

    def distribution(self, name: str, *, engine: int = 0) -> Distribution:
        """Return the histogram *name*."""
        family = self._family(name)
        return self.distributions[name][self._labels(family, (), engine)] if family else Distribution()

    def _create(self, family: Family, engines: int) -> None:
        ranks = range(engines) if "engine" in family.base_labels else range(1)
        keys = [self._labels(family, values, rank) for rank in ranks for values in family.values]
        if family.type == "histogram":
            self.distributions[family.name] = {key: Distribution(self._bounds[family.name]) for key in keys}
        else:
            self.numbers[family.name] = {key: Number() for key in keys}

    def _family(self, name: str) -> Family | None:
        return self._named.get(name)

    def _labels(self, family: Family, extra: Labels, engine: int) -> Labels:
        base = {"model_name": self._model_name, "engine": str(engine)}
        return (*(base[label] for label in family.base_labels), *extra)
