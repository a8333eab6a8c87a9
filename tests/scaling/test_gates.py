"""What every change of the scaler must still do, over hours of a fleet."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.scaling.fleets import BEGIN, Fleet, policy

from modelfleet.scaling import Decision, HeldRequests, NotReady, Observation, PodObservation, Reason, Rule

GONE = "connection refused"


def without_metrics(begin: float, seconds: float) -> Callable[[Observation], Observation]:
    """Return a view of the fleet in which no page can be read for a while."""
    last: dict[str, PodObservation] = {}

    def see(seen: Observation) -> Observation:
        if not begin <= seen.at - BEGIN < begin + seconds:
            last.update({pod.name: pod for pod in seen.pods})
            return seen
        pods = (
            replace(pod, counters=last[pod.name].counters if pod.name in last else None, scrape_error=GONE)
            for pod in seen.pods
        )
        return replace(seen, pods=tuple(pods))

    return see


@pytest.mark.parametrize("seconds", [120, 300])
def test_metrics_that_are_gone_neither_shrink_nor_grow_the_fleet(seconds: int) -> None:
    fleet = Fleet(size=5, noise=0.1, see=without_metrics(900, seconds)).run(900, 2.5)
    before = fleet.last.replicas
    fleet.run(seconds - 5, 2.5)
    outage = fleet.sizes[180:]
    during = fleet.last
    fleet.run(600, 2.5)

    assert set(outage) == {before}
    assert (during.rule, during.reason) == (Rule.HEALTH, Reason.SIGNALS_MISSING)
    assert condition(during, "ScalingActive") == ("Unknown", "MetricsStale")
    assert all(abs(size - before) <= 1 for size in fleet.sizes[180:])


def test_crashed_pods_are_replaced_once() -> None:
    fleet = Fleet(size=5).run(900, 2.5)
    before = fleet.last.replicas
    for pod in fleet.pods[:2]:
        pod.not_ready = NotReady.CRASH_LOOP
    fleet.run(900, 2.5)

    assert before < max(fleet.sizes[180:]) <= 2 * before
    assert fleet.serving >= before - 1


def test_an_image_that_crashes_everywhere_buys_no_fleet() -> None:
    fleet = Fleet(size=2, new_pod_state=NotReady.CRASH_LOOP).run(1800, 1.4)

    assert fleet.last.replicas <= 5


@pytest.mark.parametrize("load", [0.7, 2.5, 7.0])
@pytest.mark.parametrize("has_slo", [True, False])
def test_a_constant_load_hardly_ever_turns_the_size_round(load: float, has_slo: bool) -> None:
    asked = policy() if has_slo else policy(slo=None)
    fleet = Fleet(size=int(2 * load) + 1, noise=0.15, policy=asked).run(3600, load)

    assert fleet.reversals() <= 8


def test_pods_without_a_node_stop_growth_and_not_shrinking() -> None:
    fleet = Fleet(size=3, new_pod_state=NotReady.UNSCHEDULABLE).run(300, 1.2).run(120, 2.5)
    stuck = fleet.last.replicas
    fleet.run(60, 4.0)
    loaded = fleet.last
    fleet.run(900, 0.5)

    assert loaded.replicas == stuck
    assert loaded.reason == Reason.UNSCHEDULABLE
    assert condition(loaded, "ScalingLimited") == ("True", "Unschedulable")
    assert fleet.last.replicas < stuck


def test_a_step_is_answered_within_ten_seconds() -> None:
    fleet = Fleet(size=3).run(900, 1.2)
    before = fleet.last.replicas
    fleet.run(10, 2.7)

    assert fleet.last.replicas > before


def test_pods_that_load_are_not_ordered_again() -> None:
    fleet = Fleet(size=3, cold_start=240.0).run(900, 1.2).run(200, 3.0)

    assert max(fleet.sizes) <= 12


def test_a_sleeping_fleet_costs_nothing_and_wakes_for_a_request() -> None:
    asked = policy(min_replicas=0, idle_seconds=300.0)
    fleet = Fleet(size=1, policy=asked, held=HeldRequests(requests=0)).run(300, 0.2)
    fleet.run(600, 0.0)
    asleep = fleet.last
    fleet.held = HeldRequests(requests=3, last_at=fleet.now)
    fleet.run(5, 0.0)

    assert (asleep.replicas, asleep.reason) == (0, Reason.ASLEEP)
    assert (fleet.last.replicas, fleet.last.reason) == (1, Reason.WOKEN_BY_REQUESTS)


def condition(decision: Decision, kind: str) -> tuple[str, str]:
    """Return status and reason of the condition *kind*."""
    return next((c.status, str(c.reason)) for c in decision.conditions if c.type == kind)
