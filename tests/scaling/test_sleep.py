"""When a fleet sleeps, and when it wakes."""

from dataclasses import replace

import pytest
from tests.scaling.fleets import BEGIN, Fleet, policy

from modelfleet.scaling import HeldRequests, NotReady, Observation, PodObservation, Reason, decide
from modelfleet.scaling.history import History
from modelfleet.scaling.sleep import is_demanded

SLEEPY = policy(min_replicas=0, idle_seconds=120.0, start_up_seconds=300.0)
NOBODY = HeldRequests(requests=0)


def awake(size: int = 2) -> Fleet:
    return Fleet(size=size, policy=SLEEPY, held=NOBODY).run(60, 0.2)


@pytest.mark.parametrize(
    ("held", "demanded"),
    [
        pytest.param(None, False, id="nobody can hold"),
        pytest.param(NOBODY, False, id="nothing"),
        pytest.param(HeldRequests(requests=1), True, id="one waits"),
        pytest.param(HeldRequests(requests=0, last_at=BEGIN - 29), True, id="one came a moment ago"),
        pytest.param(HeldRequests(requests=0, last_at=BEGIN - 31), False, id="one came a while ago"),
    ],
)
def test_a_request_is_demand_while_it_waits_and_a_moment_longer(held: HeldRequests | None, demanded: bool) -> None:
    assert is_demanded(held, BEGIN) == demanded


def test_it_falls_asleep_when_it_was_quiet_for_long_enough() -> None:
    fleet = awake().run(300, 0.0)

    assert 0 not in fleet.sizes[12:][:23]
    assert fleet.last.replicas == 0
    assert Reason.IDLE in {decision.reason for decision in fleet.decisions}


def test_a_single_request_begins_the_quiet_time_anew() -> None:
    fleet = awake(1).run(100, 0.0).run(5, 0.01).run(100, 0.0)

    assert fleet.last.replicas == 1


def test_it_sleeps_until_somebody_asks() -> None:
    fleet = awake().run(600, 0.0)
    fleet.held = HeldRequests(requests=200, last_at=fleet.now)
    fleet.run(5, 0.0)

    assert fleet.last.previous == 0
    assert fleet.last.replicas == 1
    assert fleet.last.reason == Reason.WOKEN_BY_REQUESTS
    assert "200 requests" in fleet.last.message


def test_a_wake_is_finished_although_its_client_left() -> None:
    fleet = awake().run(600, 0.0)
    fleet.held = HeldRequests(requests=1, last_at=fleet.now)
    fleet.run(5, 0.0)
    fleet.held = NOBODY
    fleet.run(200, 0.0)

    assert fleet.last.replicas == 1


def test_a_pod_that_can_never_start_is_not_kept_for_ever() -> None:
    stuck = PodObservation(name="a", created=BEGIN, not_ready=NotReady.UNSCHEDULABLE)
    history, sizes = History(), []
    for tick in range(120):
        now = BEGIN + 5 * tick
        seen = Observation(at=now, pods=(stuck,), replicas=1, held=NOBODY)
        decision, history = decide(SLEEPY, seen, history, now)
        sizes.append(decision.replicas)

    assert sizes[:84] == [1] * 84
    assert sizes[-1] == 0


def test_a_fleet_that_may_not_sleep_never_does() -> None:
    asked = replace(SLEEPY, min_replicas=1, idle_seconds=None)

    assert set(Fleet(size=1, policy=asked).run(600, 0.0).sizes) == {1}


def test_the_warm_pod_comes_back_for_a_request_while_it_drains() -> None:
    fleet = awake(1).run(300, 0.0)
    draining = PodObservation(name="a", created=BEGIN, ready_at=BEGIN, draining=True)
    held = HeldRequests(requests=1, last_at=fleet.now)
    seen = Observation(at=fleet.now + 5, pods=(draining,), replicas=1, held=held)
    decision, _ = decide(SLEEPY, seen, fleet.history, fleet.now + 5)

    assert (decision.previous, decision.replicas) == (0, 1)
