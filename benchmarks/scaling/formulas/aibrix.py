"""
The APA of AIBrix, re-implemented from its published formula: a ratio of a mean over pods.

Every 10 s: `ceil(n x mean / target)` beyond a tolerance of 0.1 either way, at most doubling, at most halving; the mean
is over 180 s, a page that cannot be read counts as 0, and scale-down takes the smallest size of 300 s.
"""

import math
from dataclasses import dataclass, field

from benchmarks.scaling.formulas.signals import Window, kept, kv_usage
from modelfleet.scaling import ScalingPolicy
from modelfleet.scaling.simulation.scaler import Seen, Verdict


@dataclass
class AiBrix:
    """*target* is the share of the KV cache in use."""

    policy: ScalingPolicy
    target: float = 0.5
    window_seconds: float = 180.0
    interval_seconds: float = 10.0
    downs: Window = field(default_factory=lambda: Window(300.0))

    def __post_init__(self) -> None:
        self.window = Window(self.window_seconds)

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return the size for the ratio."""
        pods = kept(seen.observation)
        current = len(pods)
        self.window.add(now, sum(kv_usage(pod.counters) if pod.counters else 0.0 for pod in pods) / max(1, current))
        ratio = self.window.mean / self.target
        wanted = current
        if ratio > 1.1:
            wanted = min(math.ceil(current * ratio), 2 * current)
        elif ratio < 0.9:
            wanted = max(math.ceil(current * ratio), current // 2)
        self.downs.add(now, wanted)
        size = wanted if wanted >= current else int(self.downs.smallest)
        return Verdict(max(self.policy.min_replicas, min(self.policy.max_replicas, size)))
