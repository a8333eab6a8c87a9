"""What other scalers were seen to do wrong, once each."""

from dataclasses import replace

from tests.scaling.fleets import BEGIN, SLO, Fleet, page, policy

from modelfleet.scaling import HeldRequests, NotReady, Observation, Reason, Rule, decide
from modelfleet.scaling.history import History

TARGETS = policy(slo=None)


def test_one_pod_that_cannot_be_read_does_not_keep_the_fleet_from_growing() -> None:
    fleet = Fleet(size=4).run(600, 1.5)
    before, silent = fleet.last.replicas, fleet.pods[0].name

    def see(seen: Observation) -> Observation:
        return replace(seen, pods=tuple(replace(p, counters=None) if p.name == silent else p for p in seen.pods))

    fleet.see = see
    fleet.run(60, 4.0)

    assert fleet.last.replicas > before


def test_one_pod_that_cannot_be_read_keeps_the_fleet_from_shrinking() -> None:
    fleet = Fleet(size=6).run(600, 3.0)
    before, silent = fleet.last.replicas, fleet.pods[0].name

    def see(seen: Observation) -> Observation:
        return replace(seen, pods=tuple(replace(p, counters=None) if p.name == silent else p for p in seen.pods))

    fleet.see = see
    fleet.run(600, 0.3)

    assert fleet.last.replicas >= before
    assert (fleet.last.rule, fleet.last.reason) == (Rule.HEALTH, Reason.SIGNALS_MISSING)


def test_a_crash_looping_pod_blocks_nothing() -> None:
    fleet = Fleet(size=4).run(600, 1.5)
    before = fleet.last.replicas
    fleet.pods[0].not_ready = NotReady.CRASH_LOOP
    fleet.run(60, 4.0)
    high = fleet.last.replicas
    fleet.run(2400, 0.3)

    assert high > before
    assert fleet.last.replicas < high


def test_one_hot_pod_is_enough_to_grow() -> None:
    # Four calm pods and one whose queue is full.
    pages = [page(BEGIN, waiting=0.0, running=10.0)] * 4 + [page(BEGIN, waiting=24.0, running=256.0)]
    seen = Fleet(size=5, policy=TARGETS).observed()
    hot = replace(seen, pods=tuple(replace(p, counters=c) for p, c in zip(seen.pods, pages, strict=True)))
    history = History()
    for tick in range(2):
        now = BEGIN + 5 * tick
        decision, history = decide(TARGETS, replace(hot, at=now), history, now)

    assert decision.replicas == 8
    assert decision.reason == Reason.QUEUE_TOO_DEEP


def test_what_is_needed_does_not_depend_on_how_many_there_are() -> None:
    few = Fleet(size=4).run(1500, 2.0)
    many = Fleet(size=16).run(1500, 2.0)

    assert abs(few.last.replicas - many.last.replicas) <= 1


def test_twice_the_load_on_twice_the_pods_needs_twice_as_many() -> None:
    one, two = Fleet(size=4).run(900, 2.0), Fleet(size=8).run(900, 4.0)

    assert 1.5 * one.last.replicas <= two.last.replicas <= 2 * one.last.replicas + 1


def test_growing_does_not_wait_for_a_window() -> None:
    assert Fleet(size=3).run(600, 1.2).run(10, 2.7).last.reason == Reason.MORE_TRAFFIC


def test_draining_pods_are_no_capacity_and_their_load_is_no_demand() -> None:
    fleet = Fleet(size=4, policy=policy(min_replicas=4)).run(300, 1.5)
    for pod in fleet.pods[:2]:
        pod.draining = True
    decision, history = decide(policy(), replace(fleet.observed(), replicas=2), fleet.history, fleet.now + 5)

    assert decision.previous == 2
    assert [memory.work for memory in history.pods[:2]] == [0.0, 0.0]


def test_pods_that_are_missing_count_as_ordered() -> None:
    seen = replace(Fleet(size=2).observed(), replicas=6)
    decision, _ = decide(policy(), seen, History(), BEGIN)

    assert decision.previous == 6


def test_one_reading_of_a_queue_is_not_enough() -> None:
    seen = Fleet(size=2, policy=TARGETS).observed()
    calm, _ = replace(seen), None
    deep = replace(seen, pods=tuple(replace(p, counters=page(BEGIN + 5, waiting=50.0)) for p in seen.pods))
    _, history = decide(TARGETS, calm, History(), BEGIN)
    first, history = decide(TARGETS, replace(deep, at=BEGIN + 5), history, BEGIN + 5)
    second, _ = decide(TARGETS, replace(deep, at=BEGIN + 10), history, BEGIN + 10)

    assert first.replicas == 2
    assert second.replicas > 2


def test_a_forecast_buys_no_more_than_was_ever_seen() -> None:
    fleet = Fleet(size=3, noise=0.3).run(1200, 1.5)

    assert max(fleet.sizes[120:]) <= 6


def test_an_objective_that_no_replica_can_meet_is_said_with_what_the_engine_can() -> None:
    slo = replace(SLO, inter_token_seconds=0.005)
    fleet = Fleet(size=3, policy=policy(slo=slo)).run(300, 1.0)
    condition = next(c for c in fleet.last.conditions if c.type == "SloAttainable")

    assert (condition.status, condition.reason) == ("False", "EngineTooSlow")
    assert "12 ms" in condition.message
    assert fleet.last.replicas <= 4


def test_suspended_fleets_keep_their_size() -> None:
    fleet = Fleet(size=4, policy=policy(suspended=True)).run(300, 6.0)

    assert set(fleet.sizes) == {4}
    assert fleet.last.reason == Reason.SUSPENDED


def test_a_fleet_that_does_not_know_whether_it_is_idle_stays_awake() -> None:
    asked = policy(min_replicas=0, idle_seconds=60.0)
    fleet = Fleet(size=1, policy=asked, held=HeldRequests(requests=0, is_complete=False)).run(600, 0.0)

    assert fleet.last.replicas == 1
    assert fleet.last.reason == Reason.QUIET_UNKNOWN
