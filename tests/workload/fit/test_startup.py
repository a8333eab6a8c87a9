"""How long a start may take."""

import pytest

from modelfleet.workload.fit import startup_budget_seconds

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("gigabytes", "gpus", "downloads", "expected_minutes"),
    [(1, 1, True, 11), (16, 1, True, 14), (141, 4, True, 39), (141, 4, False, 21), (690, 8, True, 150)],
)
def test_a_start_may_take_what_a_slow_network_and_a_cold_cache_need(
    gigabytes: int, gpus: int, expected_minutes: int, *, downloads: bool
) -> None:
    found = startup_budget_seconds(gigabytes * GB, gpus=gpus, downloads=downloads)

    assert found == expected_minutes * 60


def test_an_eager_engine_starts_sooner() -> None:
    assert startup_budget_seconds(16 * GB, compiles=False) < startup_budget_seconds(16 * GB)


def test_a_slightly_different_prediction_changes_nothing() -> None:
    assert startup_budget_seconds(16 * GB) == startup_budget_seconds(16 * GB + 1_000_000)
