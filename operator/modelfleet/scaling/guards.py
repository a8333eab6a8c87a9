"""
What queue depth and KV cache ask for, whatever the forecast says: the floor under a size, and all of it without `slo`.

    N = max(ceil(waiting / queueDepthPerReplica + running / running at once), ceil(sum of KV usage / kvCachePercent))

Both are sums over the fleet against what one replica is meant to carry: absolute sizes, not steps. Adding on every look
while ordered pods still load would only stop at the largest size. They bind from the second reading on.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from modelfleet.scaling.observation import Counters
from modelfleet.scaling.policy import ScalingPolicy

_ROUNDING = 1e-9
_MOST_USED = 0.8
"""No smaller size is used more than this: beyond it a queue begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The fleet's queue, batch and KV cache at one moment, summed over its pods."""

    waiting: float = 0.0
    running: float = 0.0
    kv_usage: float = 0.0

    def queue_size(self, policy: ScalingPolicy) -> int:
        """Return the size for which the queue is not deeper than its target."""
        waiting = self.waiting / policy.targets.queue_depth_per_replica
        return math.ceil(waiting + self.running / policy.running_per_replica - _ROUNDING)

    def kv_size(self, policy: ScalingPolicy) -> int:
        """Return the size for which the KV cache is not fuller than its target."""
        return math.ceil(self.kv_usage * 100.0 / policy.targets.kv_cache_percent - _ROUNDING)

    def lower_kv_size(self, policy: ScalingPolicy, *, ready: int, work: float) -> int:
        """
        Return the smallest size below *ready* for which the KV cache will not be fuller than its target.

        Fewer replicas are slower, so that requests stay longer and more of them are there at once: at a use of u there
        are 1 / (1 - u) times as many as at none (see the engine's model). Without this a fleet would shrink until it
        must grow, again and again. *work* is what arrives, in replicas.
        """
        for size in range(max(self.kv_size(policy), 1), ready):
            use = work / size
            if use < _MOST_USED:
                usage = self.kv_usage * (1.0 - work / ready) / (1.0 - use)
                if usage * 100.0 <= size * policy.targets.kv_cache_percent:
                    return size
        return ready


def reading_of(pages: Iterable[Counters]) -> Reading:
    """Return the sum over valid *pages*."""
    waiting = running = kv_usage = 0.0
    for page in pages:
        waiting += page.waiting or 0.0
        running += page.running or 0.0
        kv_usage += page.kv_usage or 0.0
    return Reading(waiting=waiting, running=running, kv_usage=kv_usage)


def lower(one: Reading, other: Reading) -> Reading:
    """Return what two readings agree on."""
    return Reading(
        waiting=min(one.waiting, other.waiting),
        running=min(one.running, other.running),
        kv_usage=min(one.kv_usage, other.kv_usage),
    )
