"""
How many requests miss their objective when the replicas are used to a share u: what theory says, bent by what was seen.

Theory, for u = work / replicas and the model T = a/(1-u) of a step:

- The time between tokens is T, so requests miss where T passes the objective.
- The time to the first token is the request's own prefill and the wait for the prefills before it. The tail of that
  wait in a queue with one server is u·exp(-2·(1-u)·t / (b·s)), with s the seconds of a mean prefill and b one plus the
  squared variation of what arrives, prompts and gaps together.
- Where requests at once are bound before compute is (by `max-num-seqs`, or by the KV cache) the queue begins at that
  ceiling c < 1 instead of 1, so all of this happens at u/c.

Practice differs: other engines, other mixes, other schedulers. So every observation adds its requests, and those of
them that missed, to the bin of u that the fleet was in, and the theory counts as some hundred requests in each. The
shares of the bins are made to rise with u by pooling neighbours that do not (isotonic regression).
"""

import math
from dataclasses import dataclass

from modelfleet.scaling.engine_model import EngineModel
from modelfleet.scaling.policy import Slo

BIN_WIDTH = 0.05
BINS = 25
"""Up to u = 1.25, where everything misses."""
PRIOR_REQUESTS = 200.0
REMEMBERED_REQUESTS = 5000.0
"""More than so many requests in a bin count as so many, so that newer ones replace older ones."""
VARIATION = 2.0
"""b: gaps as in a Poisson stream, and prompts that vary as much."""
LATENCY_SPREAD = 0.15
"""Requests' mean times between tokens scatter by about so much around their mean, as logarithms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """What one replica is like for the traffic of now."""

    engine: EngineModel
    prompt_tokens: float
    """Prompt tokens that a request computes."""
    ceiling: float
    """c: the share of its compute at which requests at once or the KV cache bind, at most 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misses:
    """Requests, and those that missed, in each bin of u."""

    requests: tuple[float, ...] = (0.0,) * BINS
    missed: tuple[float, ...] = (0.0,) * BINS

    def with_requests(self, *, utilization: float, requests: float, missed: float) -> "Misses":
        """Return them with *requests* that came while the fleet was used to *utilization*."""
        index = min(max(int(utilization / BIN_WIDTH), 0), BINS - 1)
        all_requests = self.requests[index] + requests
        keep = min(1.0, REMEMBERED_REQUESTS / all_requests) if all_requests else 1.0
        return Misses(
            requests=_replaced(self.requests, index, all_requests * keep),
            missed=_replaced(self.missed, index, (self.missed[index] + missed) * keep),
        )

    def curve(self, replica: Replica, slo: Slo) -> "Curve":
        """Return the share that misses as a function of u."""
        shares, weights = [], []
        for index in range(BINS):
            expected = expected_share((index + 0.5) * BIN_WIDTH, replica, slo)
            weight = self.requests[index] + PRIOR_REQUESTS
            shares.append((self.missed[index] + expected * PRIOR_REQUESTS) / weight)
            weights.append(weight)
        return Curve(tuple(rising(shares, weights)))


@dataclass(frozen=True, slots=True)
class Curve:
    """The share of requests that miss, at the middle of each bin; it never falls."""

    shares: tuple[float, ...]

    def at(self, utilization: float) -> float:
        """Return the share at *utilization*, between the bins in a straight line, and 1 beyond them."""
        place = utilization / BIN_WIDTH - 0.5
        if place <= 0.0:
            return self.shares[0]
        index = int(place)
        if index >= BINS - 1:
            return 1.0
        low = self.shares[index]
        return low + (self.shares[index + 1] - low) * (place - index)


def expected_share(utilization: float, replica: Replica, slo: Slo) -> float:
    """Return the share that theory expects to miss *slo*."""
    used = utilization / replica.ceiling
    if used >= 1.0:
        return 1.0
    step = replica.engine.step_seconds / (1.0 - utilization)
    slow = 1.0 / (1.0 + math.exp(-min(max(math.log(step / slo.inter_token_seconds) / LATENCY_SPREAD, -30.0), 30.0)))
    prefill = replica.engine.seconds_per_token * replica.prompt_tokens
    left = slo.time_to_first_token_seconds - step - prefill
    if left <= 0.0:
        return 1.0
    late = used * math.exp(-2.0 * (1.0 - used) * left / (VARIATION * prefill)) if prefill > 0.0 else 0.0
    return 1.0 - (1.0 - slow) * (1.0 - late)


def rising(values: list[float], weights: list[float]) -> list[float]:
    """Return the rising sequence nearest to *values* (isotonic regression by pooling neighbours that fall)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            both = before[1] + pool[1]
            pool = ((before[0] * before[1] + pool[0] * pool[1]) / both, both, before[2] + pool[2])
        pools.append(pool)
    return [value for value, _, count in pools for _ in range(count)]


def _replaced(values: tuple[float, ...], index: int, value: float) -> tuple[float, ...]:
    return (*values[:index], value, *values[index + 1 :])
