"""Windows in which a fleet is not smaller."""

import pytest
from tests.scaling.fleets import BEGIN, Fleet, policy

from modelfleet.scaling import Reason
from modelfleet.scaling.policy import ScheduleWindow
from modelfleet.scaling.schedule import scheduled

MORNING = ScheduleWindow(begins_at=1000.0, ends_at=2000.0, min_replicas=4)
NOON = ScheduleWindow(begins_at=1500.0, ends_at=1800.0, min_replicas=6)


@pytest.mark.parametrize(
    ("now", "window"),
    [
        pytest.param(899.0, None, id="more than a cold start before"),
        pytest.param(900.0, MORNING, id="one cold start before"),
        pytest.param(1200.0, MORNING, id="within"),
        pytest.param(1400.0, NOON, id="within two, the larger counts"),
        pytest.param(1900.0, MORNING, id="after the larger"),
        pytest.param(2000.0, None, id="at the end"),
    ],
)
def test_a_window_asks_until_it_ends(now: float, window: ScheduleWindow | None) -> None:
    assert scheduled((MORNING, NOON), now=now, horizon=100.0) == window


def test_the_fleet_is_ready_when_its_window_begins_and_shrinks_after_it() -> None:
    window = ScheduleWindow(begins_at=BEGIN + 900, ends_at=BEGIN + 1500, min_replicas=6)
    fleet = Fleet(size=2, policy=policy(schedule=(window,))).run(890, 0.4)
    early, ready = fleet.sizes[60], fleet.serving
    during = fleet.last
    fleet.run(1500, 0.4)

    assert early < 6
    assert ready == 6
    assert (during.replicas, during.reason) == (6, Reason.SCHEDULED)
    assert fleet.last.replicas < 6


def test_a_window_beyond_the_largest_size_gets_that() -> None:
    window = ScheduleWindow(begins_at=BEGIN, ends_at=BEGIN + 900, min_replicas=50)
    fleet = Fleet(size=2, policy=policy(schedule=(window,), max_replicas=5)).run(60, 0.4)

    assert (fleet.last.replicas, fleet.last.reason) == (5, Reason.AT_MAXIMUM)
