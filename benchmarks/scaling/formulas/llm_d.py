"""
The saturation analyzers of llm-d's workload variant autoscaler (0.5), re-implemented from their published formulas.

Both run every 30 s and act through an HPA on their result with 240 s of stabilization either way. V1 adds or takes one
replica from the room that is left below 80 % of the KV cache and 5 waiting requests. V2 compares the tokens that are
asked for with those that replicas hold.
"""

import math
from dataclasses import dataclass

from benchmarks.scaling.formulas.horizontal import Stabilized
from benchmarks.scaling.formulas.signals import Rates, kept, kv_tokens, kv_usage, pages, queued
from modelfleet.scaling import Counters, ScalingPolicy
from modelfleet.scaling.simulation.scaler import Seen, Verdict


@dataclass
class LlmdSaturation:
    """V1."""

    policy: ScalingPolicy
    kv_limit: float = 0.80
    queue_limit: float = 5.0
    spare_kv: float = 0.10
    spare_queue: float = 3.0
    stabilization_seconds: float = 240.0
    interval_seconds: float = 30.0

    def __post_init__(self) -> None:
        self.stabilized = Stabilized(self.policy, self.stabilization_seconds, self.stabilization_seconds)

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return one more, one less, or the same."""
        current = len(kept(seen.observation))
        found = [*pages(seen.observation)]
        wanted = current if len(found) != current else current + self._step(found)
        return Verdict(self.stabilized.size(max(1, wanted), current, now))

    def _step(self, found: list[Counters]) -> int:
        free = [p for p in found if kv_usage(p) < self.kv_limit and queued(p) < self.queue_limit]
        kv = sum(self.kv_limit - kv_usage(p) for p in free) / max(1, len(free))
        queue = sum(self.queue_limit - queued(p) for p in free) / max(1, len(free))
        if kv < self.spare_kv or queue < self.spare_queue:
            return 1
        if len(free) < 2:
            return 0
        grown = len(found) / (len(found) - 1)
        kv_after = self.kv_limit - (self.kv_limit - kv) * grown
        queue_after = self.queue_limit - (self.queue_limit - queue) * grown
        return -1 if kv_after >= self.spare_kv and queue_after >= self.spare_queue else 0


@dataclass
class LlmdTokens:
    """V2."""

    policy: ScalingPolicy
    up_at: float = 0.85
    down_at: float = 0.70
    kv_share: float = 0.80
    stabilization_seconds: float = 240.0
    interval_seconds: float = 30.0

    def __post_init__(self) -> None:
        self.stabilized = Stabilized(self.policy, self.stabilization_seconds, self.stabilization_seconds)
        self.prompts, self.requests = Rates("prompt_tokens"), Rates("finished_requests")
        self.seen_at_saturation: list[float] = []

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return the size whose tokens are enough."""
        current = len(kept(seen.observation))
        found = [*pages(seen.observation)]
        prompt = self.prompts.per_second(seen.observation) / max(0.01, self.requests.per_second(seen.observation))
        if not found:
            return Verdict(current)
        demand = sum(kv_tokens(page) + queued(page) * prompt for page in found)
        self.seen_at_saturation += [kv_tokens(page) for page in found if queued(page) >= 5]
        del self.seen_at_saturation[:-10]
        capacity = self._capacity(found)
        required, spare = demand / self.up_at - current * capacity, current * capacity - demand / self.down_at
        wanted = current
        if required > 0:
            wanted += math.ceil(required / capacity)
        elif spare > 0:
            wanted -= math.floor(spare / capacity)
        return Verdict(self.stabilized.size(max(1, wanted), current, now))

    def _capacity(self, found: list[Counters]) -> float:
        by_memory = self.kv_share * (found[0].kv_capacity_tokens or 1.0)
        if not self.seen_at_saturation:
            return by_memory
        return min(by_memory, max(1.0, sum(self.seen_at_saturation) / len(self.seen_at_saturation)))
