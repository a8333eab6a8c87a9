"""Cold starts, as pods tell them."""

import pytest

from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.serve.activator.cold_start import (
    UNKNOWN_BUDGET_SECONDS,
    ColdStarts,
    percentile,
    start_budget_seconds,
    start_seconds,
)

BUDGET = 600.0


def pod(seconds: int, *, uid: str = "", ready: bool = True, restarts: int = 0) -> Json:
    at = f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}Z"
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": at}
    return {
        "metadata": {"uid": uid or str(seconds), "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"conditions": [condition], "containerStatuses": [{"restartCount": restarts}]},
    }


UNDATED = {"type": "Ready", "status": "True", "lastTransitionTime": None}


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        pytest.param(pod(95), 95.0, id="ready"),
        pytest.param(pod(95, ready=False), None, id="not ready"),
        pytest.param(pod(95, restarts=1), None, id="its container was started twice"),
        pytest.param(pod(95) | {"status": {"conditions": [UNDATED]}}, None, id="nobody says since when"),
        pytest.param({"metadata": {"uid": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}}, None, id="no status"),
    ],
)
def test_a_start_lasts_from_creation_to_ready(given: Json, seconds: float | None) -> None:
    assert start_seconds(given) == seconds


def test_the_budget_counts_until_a_start_was_seen() -> None:
    assert ColdStarts().usual_seconds("models/m", budget_seconds=BUDGET) == BUDGET


def test_eight_of_ten_starts_are_over_by_then() -> None:
    starts = ColdStarts()
    starts.learn("models/m", [pod(10 * n) for n in range(1, 11)], budget_seconds=BUDGET)

    assert starts.usual_seconds("models/m", budget_seconds=BUDGET) == 80


def test_a_pod_counts_once_and_an_illness_is_no_start() -> None:
    starts = ColdStarts()
    starts.learn("models/m", [pod(90, uid="a")], budget_seconds=BUDGET)
    starts.learn("models/m", [pod(500, uid="a"), pod(1201, uid="b")], budget_seconds=BUDGET)

    assert starts.usual_seconds("models/m", budget_seconds=BUDGET) == 90


def test_only_the_latest_starts_count() -> None:
    starts = ColdStarts()
    starts.learn("models/m", [pod(1000 - n) for n in range(40)], budget_seconds=BUDGET)

    assert starts.usual_seconds("models/m", budget_seconds=BUDGET) == 976


def test_a_fleet_that_is_gone_is_forgotten() -> None:
    starts = ColdStarts()
    starts.learn("models/m", [pod(90)], budget_seconds=BUDGET)
    starts.forget("models/m")

    assert starts.usual_seconds("models/m", budget_seconds=BUDGET) == BUDGET


@pytest.mark.parametrize(("values", "expected"), [((3.0,), 3.0), ((5.0, 1.0, 3.0, 2.0, 4.0), 4.0), ((1.0, 2.0), 2.0)])
def test_percentile_is_a_value_that_occurred(values: tuple[float, ...], expected: float) -> None:
    assert percentile(values, 80) == expected


def test_a_fleet_may_take_as_long_as_its_start_up_probe_says() -> None:
    engine = {"name": "engine", "startupProbe": {"failureThreshold": 450, "periodSeconds": 2}}
    sidecar = {"name": "proxy", "startupProbe": {"failureThreshold": 1000, "periodSeconds": 10}}

    assert start_budget_seconds([{"spec": {"template": {"spec": {"containers": [sidecar, engine]}}}}]) == 900
    assert start_budget_seconds([]) == UNKNOWN_BUDGET_SECONDS
