"""The page that a scrape gets."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import Metric

from e2e.engine.metrics.families import Family
from e2e.engine.metrics.values import Distribution, Number, Store


class Exposition:
    """
    Renders the series of a server as Prometheus text.

    *merged* plays a server with several API processes, whose page has no `process_*` and `python_*` and no `_created`.
    """

    def __init__(self, *, merged: bool = False) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._merged = merged
        if not merged:
            GCCollector(registry=self._registry)
            PlatformCollector(registry=self._registry)
            ProcessCollector(registry=self._registry)

    @property
    def registry(self) -> CollectorRegistry:
        """The registry, for series that belong to the HTTP server."""
        return self._registry

    def add(self, store: Store) -> None:
        """Show the series of *store*."""
        self._registry.register(_StoreCollector(store))

    def page(self) -> bytes:
        """Return the page as of now."""
        page = generate_latest(self._registry)
        return _without_created(page) if self._merged else page


class _StoreCollector:
    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        for family in self._store.families:
            metric = Metric(family.name, family.help, family.type)
            names = (*family.base_labels, *family.labels)
            for labels, number in self._store.numbers.get(family.name, {}).items():
                _add_number(metric, family, number, dict(zip(names, labels, strict=True)))
            for labels, distribution in self._store.distributions.get(family.name, {}).items():
                _add_distribution(metric, distribution, dict(zip(names, labels, strict=True)))
            yield metric


def _add_number(metric: Metric, family: Family, number: Number, labels: dict[str, str]) -> None:
    if family.type == "gauge":
        metric.add_sample(family.name, labels, number.value)
        return
    metric.add_sample(f"{family.name}_total", labels, number.value)
    metric.add_sample(f"{family.name}_created", labels, number.created)


def _add_distribution(metric: Metric, distribution: Distribution, labels: dict[str, str]) -> None:
    below = 0
    bounds = [*(str(float(bound)) for bound in distribution.bounds), "+Inf"]
    for bound, count in zip(bounds, distribution.counts, strict=True):
        below += count
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": bound}, below)
    metric.add_sample(f"{metric.name}_count", labels, below)
    metric.add_sample(f"{metric.name}_sum", labels, distribution.total)
    metric.add_sample(f"{metric.name}_created", labels, distribution.created)


def _without_created(page: bytes) -> bytes:
    lines = page.splitlines(keepends=True)
    return b"".join(
        line for line in lines if b"_created" not in line.split(b"{")[0].split(b" ")[2 * line.startswith(b"#")]
    )
