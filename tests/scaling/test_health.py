"""Which pages can be believed, and what a fleet does about those that cannot."""

from dataclasses import replace

import pytest
from tests.scaling.fleets import BEGIN, Fleet, page, policy

from modelfleet.scaling import Counters, Observation, PodObservation
from modelfleet.scaling.health import PodMemory, SignalProblem, problem_of

NAN = float("nan")


def pod(counters: Counters | None) -> PodObservation:
    return PodObservation(name="a", created=BEGIN - 100, ready_at=BEGIN - 50, counters=counters)


BUSY = page(BEGIN - 5, running=3.0, prompt_tokens=500.0, generation_tokens=900.0)


@pytest.mark.parametrize(
    ("counters", "problem"),
    [
        pytest.param(page(BEGIN), None, id="idle"),
        pytest.param(None, SignalProblem.MISSING, id="none"),
        pytest.param(page(BEGIN - 16), SignalProblem.STALE, id="old"),
        pytest.param(replace(page(BEGIN), waiting=None), SignalProblem.PARTIAL, id="a series is missing"),
        pytest.param(replace(page(BEGIN), preemptions=None), None, id="a series that is not needed is missing"),
        pytest.param(page(BEGIN, running=NAN), SignalProblem.INVALID, id="NaN"),
        pytest.param(page(BEGIN, prompt_tokens=float("inf")), SignalProblem.INVALID, id="infinite"),
        pytest.param(page(BEGIN, waiting=-1.0), SignalProblem.INVALID, id="negative"),
        pytest.param(page(BEGIN, kv_usage=80.0), SignalProblem.INVALID, id="a share in per cent"),
        pytest.param(page(BEGIN, generation_tokens=10.0), SignalProblem.RESET, id="counters began again"),
        pytest.param(replace(BUSY, at=BEGIN), None, id="nothing moved for a moment"),
        pytest.param(replace(BUSY, at=BEGIN, running=0.0), None, id="nothing moved and nothing runs"),
    ],
)
def test_a_page_is_judged(counters: Counters | None, problem: SignalProblem | None) -> None:
    memory = PodMemory(name="a", page=BUSY, moved_at=BEGIN - 5)
    known = memory if problem is SignalProblem.RESET or counters in (None, replace(BUSY, at=BEGIN)) else None

    assert problem_of(pod(counters), known, now=BEGIN, interval=5.0) == problem


def test_an_engine_with_requests_that_stands_still_is_frozen() -> None:
    memory = PodMemory(name="a", page=BUSY, moved_at=BEGIN - 30)

    assert problem_of(pod(replace(BUSY, at=BEGIN)), memory, now=BEGIN, interval=5.0) == SignalProblem.FROZEN


def test_a_pod_that_hangs_keeps_the_size_and_is_named() -> None:
    fleet = Fleet(size=4).run(600, 1.5)
    before, stuck = fleet.last.replicas, fleet.pods[0].page
    hung = fleet.pods[0].name

    def hang(seen: Observation) -> Observation:
        pods = (
            replace(one, counters=replace(stuck, at=seen.at, running=5.0)) if one.name == hung else one
            for one in seen.pods
        )
        return replace(seen, pods=tuple(pods))

    fleet.see = hang
    fleet.run(120, 0.2)
    active = fleet.last.conditions[0]

    assert fleet.last.replicas == before
    assert (active.type, active.status, active.reason) == ("ScalingActive", "Unknown", SignalProblem.FROZEN)
    assert hung in active.message


def test_metrics_of_another_program_are_inert_after_five_minutes() -> None:
    def strange(seen: Observation) -> Observation:
        pods = (replace(one, counters=Counters(at=seen.at) if one.counters else None) for one in seen.pods)
        return replace(seen, pods=tuple(pods))

    fleet = Fleet(size=3, see=strange).run(120, 1.0)
    early = fleet.last.conditions[0]
    fleet.run(300, 1.0)
    late = fleet.last.conditions[0]

    assert (early.status, early.reason) == ("Unknown", SignalProblem.PARTIAL)
    assert (late.status, late.reason) == ("False", "Inert")
    assert set(fleet.sizes) == {3}


def test_a_restarted_engine_is_not_a_fleet_without_load() -> None:
    fleet = Fleet(size=4).run(600, 1.5)
    before = fleet.last.replicas
    for one in fleet.pods:
        one.page = page(fleet.now)
    fleet.run(120, 1.5)

    assert abs(fleet.last.replicas - before) <= 1


def test_after_a_gap_nothing_is_lowered_until_a_window_was_seen() -> None:
    fleet = Fleet(size=8).run(60, 0.5)
    fleet.now += 600.0
    for one in fleet.pods:
        one.page = replace(one.page, at=fleet.now)
    fleet.run(60, 0.5)

    assert set(fleet.sizes) == {8}


def test_a_clock_that_goes_back_forgets_windows_and_keeps_what_was_learned() -> None:
    fleet = Fleet(size=4).run(600, 1.5)
    learned = fleet.history.engine
    fleet.now -= 3600.0
    fleet.run(5, 1.5)

    assert fleet.history.begun_at == fleet.now
    assert fleet.history.engine == learned
    assert fleet.last.replicas == fleet.sizes[-2]


def test_an_empty_history_lowers_nothing_for_one_window() -> None:
    fleet = Fleet(size=9, policy=policy(scale_down_stabilization_seconds=120.0)).run(115, 0.4)

    assert set(fleet.sizes) == {9}
    assert fleet.last.reason == "Observing"
