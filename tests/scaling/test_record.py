"""Values of the package as JSON and back."""

import json
from typing import Any

import pytest
from tests.scaling.fleets import Fleet, page, policy

from modelfleet.scaling import Decision, HeldRequests, History, NotReady, Observation, PodObservation, record
from modelfleet.scaling.policy import ScalingPolicy, ScheduleWindow

SEEN = Observation(
    at=1.1,
    pods=(
        PodObservation(name="a", created=0.1, ready_at=0.3, counters=page(0.7, running=1 / 3)),
        PodObservation(name="b", created=0.2, not_ready=NotReady.CRASH_LOOP, scrape_error="refused"),
    ),
    held=HeldRequests(requests=3),
)


@pytest.mark.parametrize(
    "value",
    [
        SEEN,
        policy(schedule=(ScheduleWindow(begins_at=8.0, ends_at=60.5, min_replicas=2),), idle_seconds=900.0),
        Fleet(size=3).run(120, 1.5).history,
        Fleet(size=3).run(120, 1.5).last,
    ],
    ids=["observation", "policy", "history", "decision"],
)
def test_what_comes_back_is_what_went(value: Observation | ScalingPolicy | History | Decision) -> None:
    text = json.dumps(record.dump(value), allow_nan=False)

    assert record.load(type(value), json.loads(text)) == value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "must be an object for Observation"),
        ({"at": "now"}, "must be float, got 'now'"),
        ({"at": 1.0, "pods": {}}, "must be a list"),
        ({"at": 1.0, "weather": "fine"}, "Observation has no `weather`"),
    ],
)
def test_what_does_not_fit_is_refused(value: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        record.load(Observation, value)


def test_a_whole_number_is_a_float_too() -> None:
    assert record.load(Observation, {"at": 1}) == Observation(at=1.0)


def test_a_history_of_another_format_is_forgotten() -> None:
    assert History.from_json({"formatVersion": 99, "anything": 1}) == History()
