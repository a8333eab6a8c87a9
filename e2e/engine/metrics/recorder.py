"""What the engine's steps do to the series."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from e2e.engine.core.scheduler import Advance, Counts, Scheduler
from e2e.engine.core.sequence import Finish, Sequence
from e2e.engine.metrics.values import Distribution, Number, Store

_OF_A_REQUEST = (
    "request_prompt_tokens",
    "request_generation_tokens",
    "request_max_num_generation_tokens",
    "request_params_n",
    "request_params_max_tokens",
    "request_time_per_output_token_seconds",
    "e2e_request_latency_seconds",
    "request_queue_time_seconds",
    "request_inference_time_seconds",
    "request_prefill_time_seconds",
    "request_decode_time_seconds",
    "request_num_preemptions",
    "request_prefill_kv_computed_tokens",
)
"""Histograms that a request enters when it finishes."""


@dataclass(frozen=True, slots=True)
class Load:
    """The gauges as last published; they stay as they are while an engine hangs or sleeps."""

    running: int = 0
    waiting: int = 0
    deferred: int = 0
    kv_cache_usage: float = 0.0


def load(scheduler: Scheduler) -> Load:
    """Return the gauges of *scheduler* as it stands."""
    return Load(
        running=len(scheduler.running),
        waiting=len(scheduler.waiting),
        deferred=scheduler.deferred,
        kv_cache_usage=scheduler.cache.usage,
    )


class Recorder:
    """The series of one engine rank, looked up once."""

    def __init__(self, store: Store, *, engine: int, max_loras: int | None = None) -> None:
        def number(name: str, *extra: str) -> Number:
            return store.number(f"vllm:{name}", *extra, engine=engine)

        def distribution(name: str) -> Distribution:
            return store.distribution(f"vllm:{name}", engine=engine)

        self._store, self._engine, self._max_loras = store, engine, max_loras
        self._adapters = ("", "")
        self._gauges = (
            number("num_requests_running"),
            number("num_requests_waiting"),
            number("num_requests_waiting_by_reason", "capacity"),
            number("num_requests_waiting_by_reason", "deferred"),
        )
        self._usage = (number("kv_cache_usage_perc"), number("gpu_cache_usage_perc"))
        self._prefix_queries = (number("prefix_cache_queries"), number("gpu_prefix_cache_queries"))
        self._prefix_hits = (
            number("prefix_cache_hits"),
            number("gpu_prefix_cache_hits"),
            number("prompt_tokens_cached_by_source", "device"),
        )
        self._preemptions = number("num_preemptions")
        self._prompt, self._generated = number("prompt_tokens"), number("generation_tokens")
        self._computed = number("prompt_tokens_by_source", "local_compute")
        self._cached = (number("prompt_tokens_by_source", "local_cache_hit"), number("prompt_tokens_cached"))
        self._iteration = distribution("iteration_tokens_total")
        self._first_token = distribution("time_to_first_token_seconds")
        self._gaps = (distribution("inter_token_latency_seconds"), distribution("time_per_output_token_seconds"))
        self._finished = {name: distribution(name) for name in _OF_A_REQUEST}

    def step(self, advances: Iterable[Advance], counts: Counts) -> None:
        """Record one finished step and take *counts*."""
        tokens = 0
        for advance in advances:
            tokens += 1 + self._token(advance)
            if advance.finished:
                self.finish(advance.sequence, advance.sequence.finish)
        if tokens:
            self._iteration.observe(tokens)
        for number in self._prefix_queries:
            number.add(counts.prefix_queries)
        for number in self._prefix_hits:
            number.add(counts.prefix_hits)
        counts.prefix_queries = counts.prefix_hits = 0

    def publish(self, load: Load, *, running: Iterable[Sequence], waiting: Iterable[Sequence]) -> None:
        """Set the gauges."""
        values = (load.running, load.waiting, load.waiting - load.deferred, load.deferred)
        for gauge, value in zip(self._gauges, values, strict=True):
            gauge.set(value)
        for gauge in self._usage:
            gauge.set(load.kv_cache_usage)
        if self._max_loras:
            self._publish_adapters(running, waiting)

    def finish(self, sequence: Sequence, reason: Finish) -> None:
        """Record a request that ended for *reason*; its histograms are filled when it produced something."""
        self._store.number("vllm:request_success", reason, engine=self._engine).add(1)
        if sequence.first_token is None or sequence.first_scheduled is None or sequence.last_token is None:
            return
        decode = sequence.last_token - sequence.first_token
        self._observe(
            request_prompt_tokens=len(sequence.prompt),
            request_generation_tokens=sequence.generated,
            request_max_num_generation_tokens=sequence.generated,
            request_params_n=sequence.parallel,
            request_params_max_tokens=sequence.max_tokens,
            request_time_per_output_token_seconds=decode / (sequence.generated - 1) if sequence.generated > 1 else None,
            e2e_request_latency_seconds=sequence.last_token - sequence.arrived,
            request_queue_time_seconds=sequence.first_scheduled - sequence.arrived,
            request_inference_time_seconds=sequence.last_token - sequence.first_scheduled,
            request_prefill_time_seconds=sequence.first_token - sequence.first_scheduled,
            request_decode_time_seconds=decode,
            request_num_preemptions=sequence.preemptions,
            request_prefill_kv_computed_tokens=len(sequence.prompt) - sequence.cached,
        )

    def _observe(self, **values: float | None) -> None:
        for name, value in values.items():
            if value is not None:
                self._finished[name].observe(value)

    def _token(self, advance: Advance) -> int:
        """Record one generated token and return the prompt tokens that came with it."""
        sequence = advance.sequence
        self._generated.add(1)
        self._preemptions.add(sequence.unreported_preemptions)
        sequence.unreported_preemptions = 0
        if advance.gap_seconds is not None:
            for gaps in self._gaps:
                gaps.observe(advance.gap_seconds)
            return 0
        prompt = len(sequence.prompt)
        self._first_token.observe((sequence.first_token or 0.0) - sequence.arrived)
        self._prompt.add(prompt)
        self._computed.add(prompt - sequence.cached)
        for number in self._cached:
            number.add(sequence.cached)
        return prompt

    def _publish_adapters(self, running: Iterable[Sequence], waiting: Iterable[Sequence]) -> None:
        """Stamp the label set of now; those of the past stay, and the waiting list holds the running ones too."""
        active = {sequence.adapter for sequence in running if sequence.adapter}
        queued = active | {sequence.adapter for sequence in waiting if sequence.adapter}
        adapters = (",".join(sorted(active)), ",".join(sorted(queued)))
        if adapters != self._adapters or not active:
            self._adapters = adapters
            self._store.number("vllm:lora_requests_info", str(self._max_loras), *adapters).set(time.time())
