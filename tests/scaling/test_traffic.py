"""What a pod did between two of its pages."""

from dataclasses import replace

import pytest
from tests.scaling.fleets import page

from modelfleet.scaling.traffic import PodTraffic, between, total

BUCKETS = ((0.5, 10.0), (1.0, 20.0), (2.0, 40.0))


def traffic(seconds: float = 5.0, limit: float | None = 1.0, **after: float) -> PodTraffic:
    found = between(page(100.0), page(100.0 + seconds, **after), late_after_seconds=limit)
    assert found is not None
    return found


def test_prompt_tokens_from_the_prefix_cache_are_no_work() -> None:
    assert traffic(prompt_tokens=1000.0, cached_prompt_tokens=700.0).prompt_tokens == 300.0


def test_the_same_page_twice_says_nothing() -> None:
    assert between(page(100.0), page(100.0), late_after_seconds=1.0) is None


def test_a_page_from_before_the_last_says_nothing() -> None:
    assert between(page(100.0), page(95.0), late_after_seconds=1.0) is None


def test_a_counter_that_begins_in_between_has_not_grown() -> None:
    before = replace(page(100.0), generation_tokens=None)
    found = between(before, page(105.0, generation_tokens=1e6), late_after_seconds=1.0)

    assert found is not None
    assert found.generation_tokens == 0.0


def test_without_first_tokens_requests_are_those_that_ended_or_began_to_run() -> None:
    after = replace(page(105.0, running=6.0, finished_requests=4.0), time_to_first_token_count=None)
    found = between(page(100.0, running=3.0), after, late_after_seconds=1.0)

    assert found is not None
    assert found.requests == 7.0


@pytest.mark.parametrize(
    ("limit", "late"),
    [
        pytest.param(1.0, 20.0, id="at a bucket's bound"),
        pytest.param(1.5, 10.0, id="between two bounds, spread evenly"),
        pytest.param(10.0, 0.0, id="beyond the last bound"),
        pytest.param(None, 0.0, id="without an objective"),
    ],
)
def test_late_requests_are_read_from_the_buckets(limit: float | None, late: float) -> None:
    before = replace(page(100.0), time_to_first_token_buckets=tuple((bound, 0.0) for bound, _ in BUCKETS))
    after = replace(page(105.0, time_to_first_token_count=40.0), time_to_first_token_buckets=BUCKETS)
    found = between(before, after, late_after_seconds=limit)

    assert found is not None
    assert found.late == late


def test_without_buckets_the_mean_decides_for_all() -> None:
    slow = {"time_to_first_token_count": 10.0, "time_to_first_token_seconds_sum": 15.0}

    assert traffic(**slow).late == 10.0
    assert traffic(limit=2.0, **slow).late == 0.0


def test_pods_with_pages_of_different_ages_add_up_a_second() -> None:
    fleet = total([traffic(5.0, generation_tokens=500.0), traffic(10.0, generation_tokens=500.0)])

    assert fleet.generation_rate == 150.0


def test_kv_tokens_need_a_capacity() -> None:
    before, after = (replace(page(at), kv_capacity_tokens=None) for at in (100.0, 105.0))
    unknown = between(before, after, late_after_seconds=None)

    assert unknown is not None
    assert unknown.kv_tokens is None
    assert traffic(kv_usage=0.5).kv_tokens == 100_000.0
