"""
What was seen of a fleet at one moment, and what was not.

All times are Unix seconds of one clock. What could not be read is None, never 0: a fleet without load and a fleet
without metrics are different fleets. Only pods and what they say of themselves are needed; nothing here knows a
gateway, except for requests that are held while a fleet sleeps.
"""

from dataclasses import dataclass
from enum import StrEnum


class NotReady(StrEnum):
    """Why a pod is not Ready, as far as a size depends on it."""

    LOADING = "Loading"
    """It pulls, downloads or loads, and will be ready one cold start after its creation."""
    UNSCHEDULABLE = "Unschedulable"
    """No node has room: it will come when there is room, and more of its kind would wait with it."""
    CRASH_LOOP = "CrashLoop"
    """It ends again and again, or cannot start at all (image, configuration): it is no capacity."""
    UNREADY = "Unready"
    """It was Ready and is not now: its probe fails, or its node is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """
    One page of a pod's `/metrics`, summed over its engines (data-parallel ranks); KV usage is their mean.

    Fields are named after vLLM's series (`vllm:` and `_total` left out). Counters count from the start of the engine.
    A series that the page does not have is None.
    """

    at: float
    """When the page was read (of Prometheus: the time of its sample, not of the query)."""

    running: float | None = None
    """Requests in the batch: `num_requests_running`."""
    waiting: float | None = None
    """Requests in the engine's queue: `num_requests_waiting`."""
    kv_usage: float | None = None
    """Share of the KV cache in use, 0 to 1: `kv_cache_usage_perc` (before 0.9.2 `gpu_cache_usage_perc`)."""
    kv_capacity_tokens: float | None = None
    """Tokens that the KV cache holds: `num_gpu_blocks` x `block_size` of `cache_config_info`."""

    prompt_tokens: float | None = None
    """Prompt tokens of requests whose prefill began, cached ones included: `prompt_tokens`."""
    cached_prompt_tokens: float | None = None
    """Those found in the prefix cache: `prompt_tokens_cached`, or `prefix_cache_hits` where there is none."""
    generation_tokens: float | None = None
    """Tokens generated: `generation_tokens`."""
    finished_requests: float | None = None
    """Requests that ended, whatever the reason: `request_success`."""
    preemptions: float | None = None
    """Requests put back into the queue because the KV cache was full: `num_preemptions`."""

    inter_token_latency_seconds_sum: float | None = None
    """Seconds between tokens, summed: `inter_token_latency_seconds` (before 0.10.2 `time_per_output_token_seconds`)."""
    inter_token_latency_count: float | None = None
    """Tokens in that sum."""
    iteration_tokens_sum: float | None = None
    """Tokens processed by the engine's steps, prompt and generated: `iteration_tokens_total`."""
    iteration_tokens_count: float | None = None
    """Steps in that sum."""
    time_to_first_token_seconds_sum: float | None = None
    """Seconds from arrival to the first token, summed over requests that got one: `time_to_first_token_seconds`."""
    time_to_first_token_count: float | None = None
    """Requests in that sum."""
    time_to_first_token_buckets: tuple[tuple[float, float], ...] | None = None
    """(upper bound in seconds, requests at most as slow) of that histogram, bounds rising, `+Inf` left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodObservation:
    """One live pod of the fleet: neither Failed nor Succeeded."""

    name: str
    created: float
    ready_at: float | None = None
    """Since when it is Ready; None while it is not."""
    not_ready: NotReady | None = None
    """Why it is not Ready; None where it is, or where nobody knows (it then counts as loading)."""
    draining: bool = False
    """It finishes what it has and gets nothing new."""
    terminating: bool = False
    """It has a deletion timestamp."""
    counters: Counters | None = None
    """The last page that could be read, however old; None before the first."""
    scrape_error: str | None = None
    """Why the latest attempt to read a page failed; None where it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRequests:
    """Requests that wait outside the fleet because no pod is ready."""

    requests: int
    last_at: float | None = None
    """When the last one arrived."""
    is_complete: bool = True
    """Whether everybody who may hold requests was asked and answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A fleet as it was seen at *at*."""

    at: float
    pods: tuple[PodObservation, ...] = ()
    replicas: int | None = None
    """The size last asked for; None: the pods that are neither draining nor terminating."""
    held: HeldRequests | None = None
    """None where nobody can hold requests."""
