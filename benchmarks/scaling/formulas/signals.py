"""What the formulas take from an observation."""

from collections.abc import Iterator
from itertools import pairwise

from modelfleet.scaling import Counters, Observation, PodObservation


def kept(observation: Observation) -> list[PodObservation]:
    """Return the pods that serve or load: what `/scale` counts."""
    return [pod for pod in observation.pods if not (pod.draining or pod.terminating)]


def ready(observation: Observation) -> list[PodObservation]:
    """Return those of them that are Ready."""
    return [pod for pod in kept(observation) if pod.ready_at is not None]


def pages(observation: Observation) -> Iterator[Counters]:
    """Yield the pages of Ready pods that could be read."""
    for pod in ready(observation):
        if pod.counters is not None and pod.scrape_error is None:
            yield pod.counters


def queued(page: Counters) -> float:
    """Return the requests that wait in an engine."""
    return page.waiting or 0.0


def in_flight(page: Counters) -> float:
    """Return the requests that an engine has."""
    return (page.running or 0.0) + (page.waiting or 0.0)


def kv_usage(page: Counters) -> float:
    """Return the share of the KV cache that is in use."""
    return page.kv_usage or 0.0


def kv_tokens(page: Counters) -> float:
    """Return the tokens in the KV cache."""
    return (page.kv_usage or 0.0) * (page.kv_capacity_tokens or 0.0)


class Window:
    """Values of the last seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.items: list[tuple[float, float]] = []

    def add(self, now: float, value: float) -> None:
        """Add a value, and forget those that are too old, but not the last."""
        self.items.append((now, value))
        while len(self.items) > 1 and self.items[0][0] <= now - self.seconds:
            self.items.pop(0)

    @property
    def mean(self) -> float:
        """Return the mean of what was added."""
        return sum(value for _, value in self.items) / len(self.items)

    @property
    def largest(self) -> float:
        """Return the largest."""
        return max(value for _, value in self.items)

    @property
    def smallest(self) -> float:
        """Return the smallest."""
        return min(value for _, value in self.items)


class Rates:
    """How fast the counters of a fleet's pods grow."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.before: dict[str, tuple[float, float]] = {}

    def per_second(self, observation: Observation) -> float:
        """Return the sum over pods of the growth since the last call, in a second."""
        total, seen = 0.0, {}
        for pod in observation.pods:
            value = getattr(pod.counters, self.field) if pod.counters else None
            if pod.counters is None or value is None:
                continue
            seen[pod.name] = now = (pod.counters.at, value)
            (at, count), (later, larger) = next(pairwise((self.before.get(pod.name, (pod.created, 0.0)), now)))
            if later > at and larger >= count:
                total += (larger - count) / (later - at)
        self.before = seen
        return total
