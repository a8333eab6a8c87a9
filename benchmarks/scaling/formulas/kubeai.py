"""
KubeAI, re-implemented from its published formula: the mean number of active requests at its proxy over 10 minutes.

Every 10 s: `ceil(mean of the last 60 samples / target)`, where the window begins with 60 zeros. Up at once; down after
three lower readings in a row.
"""

import math
from collections import deque
from dataclasses import dataclass

from benchmarks.scaling.formulas.signals import kept
from modelfleet.scaling import ScalingPolicy
from modelfleet.scaling.simulation.scaler import Seen, Verdict


@dataclass
class KubeAi:
    """*target* is active requests for a pod; 100 by default. *window* is the number of samples."""

    policy: ScalingPolicy
    target: float = 100.0
    window: int = 60
    lower_readings: int = 3
    interval_seconds: float = 10.0
    lower: int = 0

    def __post_init__(self) -> None:
        self.samples = deque([0.0] * self.window, maxlen=self.window)

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return the size for the mean."""
        del now
        self.samples.append(seen.requests_in_flight)
        current = len(kept(seen.observation))
        wanted = math.ceil(sum(self.samples) / len(self.samples) / self.target)
        wanted = max(self.policy.min_replicas, min(self.policy.max_replicas, wanted))
        if wanted >= current:
            self.lower = 0
            return Verdict(wanted)
        if self.lower < self.lower_readings:
            self.lower += 1
            return Verdict(current)
        return Verdict(wanted)
