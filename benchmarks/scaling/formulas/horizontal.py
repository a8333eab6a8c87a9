"""
The HorizontalPodAutoscaler (autoscaling/v2), re-implemented from its published algorithm and defaults.

Every 15 s: `ceil(sum / target)` for an average of a sum, `ceil(n x mean / target)` for a metric of pods, within a
tolerance of 0.1. Pods without the metric count as 0 on the way up and as the target on the way down. Up at once, by 4
pods or 100 % in 15 s, whichever is more; down to the largest recommendation of 300 s.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.scaling.formulas.signals import Window, kept, pages
from modelfleet.scaling import Counters, ScalingPolicy
from modelfleet.scaling.simulation.scaler import Seen, Verdict

TOLERANCE = 0.1


@dataclass
class Stabilized:
    """Rates and stabilization of the HPA."""

    policy: ScalingPolicy
    down_seconds: float = 300.0
    up_seconds: float = 0.0
    most_up: Callable[[int], float] = lambda size: max(4, size)
    """Pods to add at once."""
    downs: Window = field(init=False)
    ups: Window = field(init=False)

    def __post_init__(self) -> None:
        self.downs = Window(self.down_seconds)
        self.ups = Window(self.up_seconds)

    def size(self, wanted: int, current: int, now: float) -> int:
        """Return the size after stabilization, rates and bounds."""
        self.downs.add(now, wanted)
        self.ups.add(now, wanted)
        size = min(max(current, self.ups.smallest), self.downs.largest) if wanted else current
        size = min(size, current + self.most_up(current))
        return max(self.policy.min_replicas, min(self.policy.max_replicas, int(size)))


@dataclass
class SumHpa:
    """An External metric with a target of type AverageValue; KEDA's Prometheus trigger makes the same."""

    policy: ScalingPolicy
    signal: Callable[[Counters], float]
    target: float
    interval_seconds: float = 15.0
    down_seconds: float = 300.0

    def __post_init__(self) -> None:
        self.stabilized = Stabilized(self.policy, self.down_seconds)

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return ceil(sum / target), unless that is within the tolerance."""
        current = len(kept(seen.observation))
        total = sum(map(self.signal, pages(seen.observation)))
        ratio = total / (self.target * max(1, current))
        wanted = current if abs(ratio - 1) <= TOLERANCE else math.ceil(total / self.target)
        return Verdict(self.stabilized.size(max(1, wanted), current, now))


@dataclass
class PodsHpa:
    """A Pods metric with a target of type AverageValue."""

    policy: ScalingPolicy
    signal: Callable[[Counters], float]
    target: float
    interval_seconds: float = 15.0
    down_seconds: float = 300.0

    def __post_init__(self) -> None:
        self.stabilized = Stabilized(self.policy, self.down_seconds)

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return ceil(n x mean / target), with pods that have no metric counted against the direction."""
        current = len(kept(seen.observation))
        values = [self.signal(page) for page in pages(seen.observation)]
        return Verdict(self.stabilized.size(max(1, self._wanted(values, current)), current, now))

    def _wanted(self, values: Sequence[float], current: int) -> int:
        if not values:
            return current
        ratio = sum(values) / len(values) / self.target
        missing = current - len(values)
        if missing:
            assumed = 0.0 if ratio > 1 else self.target
            assured = (sum(values) + missing * assumed) / current / self.target
            if abs(assured - 1) <= TOLERANCE or (ratio > 1) != (assured > 1):
                return current
            return math.ceil(assured * current)
        return current if abs(ratio - 1) <= TOLERANCE else math.ceil(ratio * len(values))
