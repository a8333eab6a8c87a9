"""What a simulated engine shows grows as its requests do, and agrees with them in the end."""

import pytest

from modelfleet.scaling import Counters
from modelfleet.scaling.simulation.metrics_page import metrics_page
from modelfleet.scaling.simulation.profile import LLAMA_8B_A100
from modelfleet.scaling.simulation.replica import NEVER, Replica
from modelfleet.scaling.simulation.request import Request, Sequence


def pages_of(requests: list[Request], times: list[float]) -> list[Counters]:
    replica, pages = Replica(LLAMA_8B_A100), []
    events = [*((one.arrival, one) for one in requests), *((at, None) for at in times)]
    for at, request in sorted(events, key=lambda event: event[0]):
        while replica.due <= at:
            replica.advance()
        if request is None:
            pages.append(metrics_page(replica, now=at, epoch=1000.0))
        else:
            replica.submit(Sequence(request), at)
    assert replica.due == NEVER

    return pages


TWO = [Request(0.0, 1000, 200), Request(1.0, 3000, 100)]


def test_page_of_a_run_counts_the_steps_that_are_complete() -> None:
    running, _ = pages_of(TWO, [2.0, 60.0])

    assert (running.at, running.running, running.waiting) == (1002.0, 2.0, 0.0)
    assert running.prompt_tokens == 4000.0
    assert 100 < (running.generation_tokens or 0) < 300
    assert running.kv_usage == pytest.approx((4000 + (running.generation_tokens or 0)) / 435_000, rel=0.01)
    latency = (running.inter_token_latency_seconds_sum or 0) / (running.inter_token_latency_count or 1)
    assert 0.0118 < latency < 0.02


def test_page_of_an_idle_engine_has_everything_that_happened() -> None:
    (page,) = pages_of(TWO, [60.0])

    assert (page.running, page.waiting, page.kv_usage) == (0.0, 0.0, 0.0)
    assert (page.prompt_tokens, page.generation_tokens, page.finished_requests) == (4000.0, 300.0, 2.0)
    assert page.inter_token_latency_count == 298.0
    assert page.iteration_tokens_sum == 4300.0
    assert page.time_to_first_token_count == 2.0
    assert page.time_to_first_token_buckets is not None
    assert page.time_to_first_token_buckets[-1][1] == 2.0


def test_pages_never_count_backwards() -> None:
    pages = pages_of(
        [Request(i / 7, 200 + 31 * i, 20 + 13 * i) for i in range(40)], [i / 3 for i in range(100)] + [90.0]
    )

    for name in (
        "generation_tokens",
        "inter_token_latency_seconds_sum",
        "iteration_tokens_count",
        "iteration_tokens_sum",
    ):
        values = [getattr(page, name) for page in pages]
        assert values == sorted(values), name
