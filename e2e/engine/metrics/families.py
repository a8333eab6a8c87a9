"""
The metric families of vLLM and the releases that have them.

Names, types, labels and buckets are those of a page scraped from vLLM 0.32.0 under load; the releases are the first
and last *sampled* ones, so a change may have come a little earlier.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from e2e.engine.release import Release

Type = Literal["gauge", "counter", "histogram"]
Condition = Literal["always", "lora", "speculative", "kv_cache_metrics"]

_TTFT = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    20,
    40,
    80,
    160,
    640,
    2560,
)
_ITL = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
_LATENCY = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
_ITERATION = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
_PARALLEL = (1, 2, 5, 10, 20)
_PREEMPTIONS = (1, 2, 3, 4, 5, 10, 20)
_BLOCK_AGE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800)
PROMPT_SIZES: tuple[float, ...] = ()
"""Stands for the 1-2-5 series up to the model's length."""

BASE_LABELS = ("model_name", "engine")
FINISHED_REASONS = ("stop", "length", "abort", "error", "repetition")


@dataclass(frozen=True, slots=True)
class Family:
    """One family: `labels` come on top of `model_name` and `engine`; `values` are the label sets that exist at zero."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ((),)
    buckets: tuple[float, ...] = ()
    since: str = "0.9.2"
    until: str | None = None
    hidden_until: str | None = None
    base_labels: tuple[str, ...] = BASE_LABELS
    when: Condition = "always"


def _each(values: str) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in values.split())


_GAUGES = (
    Family("vllm:num_requests_running", "gauge", "Requests in the batches being executed."),
    Family("vllm:num_requests_waiting", "gauge", "Requests that wait to be processed."),
    Family(
        "vllm:num_requests_waiting_by_reason",
        "gauge",
        "Waiting requests by reason: capacity, or deferred by a passing constraint.",
        labels=("reason",),
        values=_each("capacity deferred"),
        since="0.20.0",
    ),
    Family(
        "vllm:engine_sleep_state",
        "gauge",
        "One for the state the engine is in.",
        labels=("sleep_state",),
        values=_each("awake weights_offloaded discard_all"),
        since="0.11.2",
    ),
    Family("vllm:kv_cache_usage_perc", "gauge", "Share of KV-cache blocks in use, 1 is all of them."),
    Family(
        "vllm:gpu_cache_usage_perc",
        "gauge",
        "The older name of kv_cache_usage_perc.",
        until="0.10.99",
        hidden_until="0.11.99",
    ),
    Family(
        "vllm:lora_requests_info",
        "gauge",
        "Time of the last change of the running and waiting adapters.",
        labels=("max_lora", "running_lora_adapters", "waiting_lora_adapters"),
        values=(),
        base_labels=(),
        when="lora",
    ),
)

_COUNTERS = (
    Family("vllm:estimated_flops_per_gpu", "counter", "Estimated operations per GPU.", since="0.14.1"),
    Family("vllm:estimated_read_bytes_per_gpu", "counter", "Estimated bytes read per GPU.", since="0.14.1"),
    Family("vllm:estimated_write_bytes_per_gpu", "counter", "Estimated bytes written per GPU.", since="0.14.1"),
    Family("vllm:prefix_cache_queries", "counter", "Prompt tokens looked up in the prefix cache."),
    Family("vllm:prefix_cache_hits", "counter", "Prompt tokens found in the prefix cache."),
    Family("vllm:gpu_prefix_cache_queries", "counter", "The older name of prefix_cache_queries.", until="0.11.99"),
    Family("vllm:gpu_prefix_cache_hits", "counter", "The older name of prefix_cache_hits.", until="0.11.99"),
    Family("vllm:external_prefix_cache_queries", "counter", "Tokens looked up through a connector.", since="0.11.2"),
    Family("vllm:external_prefix_cache_hits", "counter", "Tokens found through a connector.", since="0.11.2"),
    Family("vllm:mm_cache_queries", "counter", "Items looked up in the multi-modal cache.", since="0.11.2"),
    Family("vllm:mm_cache_hits", "counter", "Items found in the multi-modal cache.", since="0.11.2"),
    Family("vllm:num_preemptions", "counter", "Preemptions, counted when the sequence produces output again."),
    Family("vllm:prompt_tokens", "counter", "Prompt tokens processed."),
    Family(
        "vllm:prompt_tokens_by_source",
        "counter",
        "Prompt tokens by where their keys and values came from.",
        labels=("source",),
        values=_each("local_compute local_cache_hit external_kv_transfer"),
        since="0.16.0",
    ),
    Family("vllm:prompt_tokens_cached", "counter", "Prompt tokens that were cached.", since="0.16.0"),
    Family(
        "vllm:prompt_tokens_cached_by_source",
        "counter",
        "Cached prompt tokens by the tier that had them, counted at admission.",
        labels=("source",),
        values=_each("device host p2p disk external_unspecified"),
        since="0.32.0",
    ),
    Family("vllm:generation_tokens", "counter", "Tokens generated."),
    Family(
        "vllm:request_success",
        "counter",
        "Requests by how they finished.",
        labels=("finished_reason",),
        values=tuple((reason,) for reason in FINISHED_REASONS),
    ),
    Family(
        "vllm:admission_rejections",
        "counter",
        "Requests refused before they were queued.",
        labels=("reason",),
        values=_each("max_num_queued_reqs max_num_queued_tokens"),
        since="0.32.0",
        base_labels=("model_name",),
    ),
    Family("vllm:spec_decode_num_drafts", "counter", "Speculative drafts.", when="speculative"),
    Family("vllm:spec_decode_num_draft_tokens", "counter", "Speculative tokens drafted.", when="speculative"),
    Family("vllm:spec_decode_num_accepted_tokens", "counter", "Speculative tokens accepted.", when="speculative"),
    Family(
        "vllm:spec_decode_num_accepted_tokens_per_pos",
        "counter",
        "Speculative tokens accepted, by position in the draft.",
        labels=("position",),
        values=_each("0"),
        when="speculative",
    ),
)

_HISTOGRAMS = (
    Family("vllm:request_prompt_tokens", "histogram", "Prompt tokens of a request.", buckets=PROMPT_SIZES),
    Family("vllm:request_generation_tokens", "histogram", "Generated tokens of a request.", buckets=PROMPT_SIZES),
    Family("vllm:iteration_tokens_total", "histogram", "Tokens of one step.", buckets=_ITERATION),
    Family("vllm:request_max_num_generation_tokens", "histogram", "Longest of n answers.", buckets=PROMPT_SIZES),
    Family("vllm:request_params_n", "histogram", "The parameter n.", buckets=_PARALLEL),
    Family("vllm:request_params_max_tokens", "histogram", "The parameter max_tokens.", buckets=PROMPT_SIZES),
    Family("vllm:time_to_first_token_seconds", "histogram", "Arrival to first token.", buckets=_TTFT),
    Family(
        "vllm:time_per_output_token_seconds",
        "histogram",
        "The older name of inter_token_latency_seconds.",
        buckets=_ITL,
        until="0.11.99",
        hidden_until="0.14.99",
    ),
    Family("vllm:inter_token_latency_seconds", "histogram", "Token to token.", buckets=_ITL, since="0.10.2"),
    Family(
        "vllm:request_time_per_output_token_seconds",
        "histogram",
        "Mean time per output token of a request.",
        buckets=_ITL,
        since="0.11.0",
    ),
    Family("vllm:e2e_request_latency_seconds", "histogram", "Arrival to last token.", buckets=_LATENCY),
    Family("vllm:request_queue_time_seconds", "histogram", "Arrival to first scheduled.", buckets=_LATENCY),
    Family("vllm:request_inference_time_seconds", "histogram", "First scheduled to last token.", buckets=_LATENCY),
    Family("vllm:request_prefill_time_seconds", "histogram", "First scheduled to first token.", buckets=_LATENCY),
    Family("vllm:request_decode_time_seconds", "histogram", "First to last token.", buckets=_LATENCY),
    Family(
        "vllm:request_num_preemptions",
        "histogram",
        "Preemptions of a request.",
        buckets=_PREEMPTIONS,
        since="0.30.0",
    ),
    Family(
        "vllm:request_prefill_kv_computed_tokens",
        "histogram",
        "Prompt tokens of a request that were computed, not cached.",
        buckets=PROMPT_SIZES,
        since="0.13.0",
    ),
    *(
        Family(name, "histogram", "Sampled life of KV-cache blocks.", buckets=_BLOCK_AGE, when="kv_cache_metrics")
        for name in (
            "vllm:kv_block_lifetime_seconds",
            "vllm:kv_block_idle_before_evict_seconds",
            "vllm:kv_block_reuse_gap_seconds",
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the command line decides which families and buckets a server has."""

    release: Release
    max_model_len: int
    hidden: bool = False
    conditions: frozenset[Condition] = frozenset({"always"})
    custom_buckets: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


def families(selection: Selection) -> tuple[Family, ...]:
    """Return the families a server of *selection* exports, in the order of its page."""
    return tuple(f for f in (*_GAUGES, *_COUNTERS, *_HISTOGRAMS) if _exists(f, selection))


def buckets(family: Family, selection: Selection) -> tuple[float, ...]:
    """Return the upper bounds of *family*, without infinity."""
    if family.buckets is _LATENCY:
        return selection.custom_buckets.get("request_latency", family.buckets)
    return family.buckets or one_two_five(selection.max_model_len)


def one_two_five(most: int) -> tuple[float, ...]:
    """Return 1, 2, 5, 10, 20, … as far as *most*."""
    bounds = (mantissa * 10**exponent for exponent in range(len(str(most))) for mantissa in (1, 2, 5))
    return tuple(float(bound) for bound in bounds if bound <= most)


def _exists(family: Family, selection: Selection) -> bool:
    until = family.hidden_until if selection.hidden and family.hidden_until else family.until
    return (
        family.when in selection.conditions
        and selection.release.at_least(family.since)
        and (until is None or selection.release <= Release.parse(until))
    )
