"""
The KPA of Knative Serving, re-implemented from its published formula and defaults.

Every 2 s: concurrency of the whole revision, averaged over 60 s (stable) and 6 s (panic), over 0.7 of the target;
between half the ready pods and 1000 times them. When the panic size is twice the ready pods, the size only grows until
60 s have passed below that.
"""

import math
from dataclasses import dataclass, field

from benchmarks.scaling.formulas.signals import Window, ready
from modelfleet.scaling import ScalingPolicy
from modelfleet.scaling.simulation.scaler import Seen, Verdict


@dataclass
class Knative:
    """*target* is requests at once in a pod."""

    policy: ScalingPolicy
    target: float = 100.0
    utilization: float = 0.7
    delay_seconds: float = 0.0
    """`scale-down-delay`: the size falls to the largest of so many seconds."""
    interval_seconds: float = 2.0
    stable: Window = field(default_factory=lambda: Window(60.0))
    panic: Window = field(default_factory=lambda: Window(6.0))
    panicking_since: float | None = None
    most_in_panic: int = 0

    def __post_init__(self) -> None:
        self.delayed = Window(self.delay_seconds)

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return the size of the stable or the panic mode."""
        self.stable.add(now, seen.requests_in_flight)
        self.panic.add(now, seen.requests_in_flight)
        pods = max(1, len(ready(seen.observation)))
        stable, panic = (self._bounded(window.mean, pods) for window in (self.stable, self.panic))
        if math.ceil(self.panic.mean / (self.target * self.utilization)) / pods >= 2:
            self.panicking_since = now
        elif self.panicking_since is not None and now - self.panicking_since > self.stable.seconds:
            self.panicking_since, self.most_in_panic = None, 0
        wanted = stable
        if self.panicking_since is not None:
            self.most_in_panic = wanted = max(self.most_in_panic, stable, panic, pods)
        self.delayed.add(now, wanted)
        size = int(self.delayed.largest)
        return Verdict(max(self.policy.min_replicas, min(self.policy.max_replicas, size)))

    def _bounded(self, concurrency: float, pods: int) -> int:
        wanted = math.ceil(concurrency / (self.target * self.utilization))
        return min(max(wanted, pods // 2), 1000 * pods)
