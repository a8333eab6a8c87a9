"""What a pod did between two pages, and what the fleet did."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from modelfleet.scaling.observation import Counters


class PodTraffic(NamedTuple):
    """One pod between two of its pages; counts, not rates. A named tuple, since many are made in every decision."""

    seconds: float
    requests: float
    """Requests that got their first token, or where that is not counted, that ended or began to run."""
    prompt_tokens: float
    """Prompt tokens that were computed: those found in the prefix cache are left out."""
    generation_tokens: float
    running: float
    """Mean of both pages."""
    kv_tokens: float | None
    """Tokens in the KV cache, mean of both pages; None where its capacity is not known."""
    queue_growth: float
    """Requests by which the queue grew."""
    first_tokens: float
    """Requests that got their first token, where that is counted."""
    late: float
    """Those of them that waited longer for it than the objective."""
    step_seconds: float | None
    """Mean time between two tokens of a request."""
    step_tokens: float | None
    """Mean tokens of a step."""


def between(before: Counters, after: Counters, *, late_after_seconds: float | None) -> PodTraffic | None:
    """Return what happened between two valid pages of one engine; None where they are the same page."""
    seconds = after.at - before.at
    if seconds <= 0.0:
        return None
    prompts = _growth(before.prompt_tokens, after.prompt_tokens)
    cached = _growth(before.cached_prompt_tokens, after.cached_prompt_tokens)
    running_before, running_after = before.running or 0.0, after.running or 0.0
    first_tokens = _growth(before.time_to_first_token_count, after.time_to_first_token_count)
    requests = first_tokens
    if after.time_to_first_token_count is None:
        requests = max(_growth(before.finished_requests, after.finished_requests) + running_after - running_before, 0.0)
    kv_tokens = None
    if after.kv_capacity_tokens is not None:
        kv_tokens = 0.5 * ((before.kv_usage or 0.0) + (after.kv_usage or 0.0)) * after.kv_capacity_tokens
    return PodTraffic(
        seconds,
        requests,
        max(prompts - cached, 0.0),
        _growth(before.generation_tokens, after.generation_tokens),
        0.5 * (running_before + running_after),
        kv_tokens,
        (after.waiting or 0.0) - (before.waiting or 0.0),
        first_tokens,
        0.0 if late_after_seconds is None else _late(before, after, first_tokens, late_after_seconds),
        _mean(
            _growth(before.inter_token_latency_seconds_sum, after.inter_token_latency_seconds_sum),
            _growth(before.inter_token_latency_count, after.inter_token_latency_count),
        ),
        _mean(
            _growth(before.iteration_tokens_sum, after.iteration_tokens_sum),
            _growth(before.iteration_tokens_count, after.iteration_tokens_count),
        ),
    )


@dataclass(frozen=True, slots=True)
class FleetTraffic:
    """The pods' traffic of one observation added up, a second."""

    request_rate: float = 0.0
    prompt_rate: float = 0.0
    generation_rate: float = 0.0
    queue_growth_rate: float = 0.0
    first_tokens: float = 0.0
    """Requests, not a second."""


def total(pods: Iterable[PodTraffic]) -> FleetTraffic:
    """Return the sum of *pods*, in their order."""
    requests = prompts = generated = growth = first_tokens = 0.0
    for pod in pods:
        per_second = 1.0 / pod.seconds
        requests += pod.requests * per_second
        prompts += pod.prompt_tokens * per_second
        generated += pod.generation_tokens * per_second
        growth += pod.queue_growth * per_second
        first_tokens += pod.first_tokens
    return FleetTraffic(requests, prompts, generated, growth, first_tokens)


def _growth(before: float | None, after: float | None) -> float:
    """Return by how much a counter grew; 0 where it is not there, or began in between."""
    return max(after - before, 0.0) if before is not None and after is not None else 0.0


def _mean(total_seconds: float, count: float) -> float | None:
    return total_seconds / count if count > 0.0 and total_seconds > 0.0 else None


def _late(before: Counters, after: Counters, first_tokens: float, limit: float) -> float:
    """
    Return how many of *first_tokens* came later than *limit* seconds.

    Between two buckets the requests count as spread evenly. Without buckets the mean decides for all.
    """
    if after.time_to_first_token_buckets is None or before.time_to_first_token_buckets is None:
        mean = _mean(
            _growth(before.time_to_first_token_seconds_sum, after.time_to_first_token_seconds_sum), first_tokens
        )
        return first_tokens if mean is not None and mean > limit else 0.0
    in_time = _at_most(after.time_to_first_token_buckets, limit) - _at_most(before.time_to_first_token_buckets, limit)
    return min(max(first_tokens - in_time, 0.0), first_tokens)


def _at_most(buckets: tuple[tuple[float, float], ...], limit: float) -> float:
    low_bound, low_count = 0.0, 0.0
    for bound, count in buckets:
        if bound >= limit:
            return low_count + (count - low_count) * (limit - low_bound) / (bound - low_bound)
        low_bound, low_count = bound, count
    return low_count
