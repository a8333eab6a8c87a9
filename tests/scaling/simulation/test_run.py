"""Pods come and go as they do in a cluster, and what the scaler sees of them is what a cluster would show."""

import random
from dataclasses import replace

import pytest
from tests.scaling.simulation.fleets import MODEL, Scripted, made

from modelfleet.scaling import NotReady, Slo
from modelfleet.scaling.simulation.faults import Faults
from modelfleet.scaling.simulation.fleet import ColdStart
from modelfleet.scaling.simulation.loads import constant, on_off, step
from modelfleet.scaling.simulation.request import Request
from modelfleet.scaling.simulation.run import EPOCH, Run, simulate
from modelfleet.scaling.simulation.scaler import FixedSize
from modelfleet.scaling.simulation.score import score

SLO = Slo(time_to_first_token_seconds=1.0, inter_token_seconds=0.066)


def hours(run: Run) -> float:
    return score(run, SLO).gpu_hours


def test_same_arguments_give_the_same_run() -> None:
    requests = made(step(2, 8, at=50), minutes=2)
    first, second = (
        simulate(MODEL, requests, Scripted(lambda at: 1 + (at > 30)), duration_seconds=120) for _ in range(2)
    )

    assert [one.finished_at for one in first.sequences] == [one.finished_at for one in second.sequences]
    assert first.samples == second.samples


def test_every_request_is_answered_once() -> None:
    requests = made(constant(6))
    run = simulate(replace(MODEL, first_size=3), requests, FixedSize(3), duration_seconds=300)

    assert all(one.finished_at > one.first_token_at > one.request.arrival for one in run.sequences)
    assert sum(pod.replica.totals.finished for pod in run.pods) == len(requests)
    assert score(run, SLO).attainment == 1.0


def test_new_pod_serves_one_cold_start_later_and_costs_from_the_beginning() -> None:
    scaler = Scripted(lambda at: 2 if at > 100 else 1)
    run = simulate(MODEL, made(constant(3)), scaler, duration_seconds=300)

    loading, ready = scaler.at(106).pods[1], scaler.at(175).pods[1]
    assert (loading.ready_at, loading.not_ready, loading.counters) == (None, NotReady.LOADING, None)
    assert ready.ready_at == pytest.approx(loading.created + 60)
    assert hours(run) == pytest.approx((300 + 199) / 3600, rel=0.01)


def test_draining_pod_finishes_what_it_has_and_gets_nothing_new() -> None:
    scaler = Scripted(lambda at: 1 if at > 100 else 2)
    run = simulate(replace(MODEL, first_size=2), made(constant(6)), scaler, duration_seconds=300)

    gone = next(pod for pod in run.pods if pod.gone_at is not None and pod.gone_at < 299)
    assert gone.replica.outstanding == 0
    assert gone.gone_at is not None
    assert gone.gone_at > 105 + MODEL.release_seconds
    assert any(pod.draining for pod in scaler.at(106).pods)
    assert all(one.finished_at > 0 for one in run.sequences)


def test_draining_pod_serves_again_before_a_new_one_is_bought() -> None:
    scaler = Scripted(lambda at: 1 if 100 < at < 110 else 2)
    run = simulate(replace(MODEL, first_size=2), made(constant(6)), scaler, duration_seconds=200)

    assert len(run.pods) == 2
    assert run.samples[-1].serving == 2


def test_pod_that_loads_goes_before_one_that_serves() -> None:
    scaler = Scripted(lambda at: 2 if 100 < at < 120 else 1)
    run = simulate(MODEL, made(constant(1)), scaler, duration_seconds=200)

    assert [pod.gone_at is None for pod in sorted(run.pods, key=lambda pod: pod.created)] == [True, False]


def test_most_replicas_include_draining_pods() -> None:
    scaler = Scripted(lambda at: 1 if 100 < at < 110 else 9)
    run = simulate(replace(MODEL, first_size=8), made(constant(1)), scaler, duration_seconds=200)

    assert score(run, SLO).largest == 8


def test_requests_are_held_while_there_is_no_pod() -> None:
    scaler = Scripted(lambda at: 0 if at < 45 else 1)
    requests = [Request(20.0, 100, 20), Request(40.0, 100, 20)]
    run = simulate(replace(MODEL, first_size=0), requests, scaler, duration_seconds=200, can_hold=True)

    held = scaler.at(41).held
    assert held is not None
    assert (held.requests, held.last_at) == (2, EPOCH + 40.0)
    assert [int(one.first_token_at) for one in run.sequences] == [106, 106]


def test_request_that_is_held_for_too_long_is_given_up() -> None:
    model = replace(MODEL, first_size=0, hold_seconds=30.0)
    scaler = Scripted(lambda at: 1 if at > 45 else 0)
    run = simulate(model, [Request(20.0, 100, 20), Request(90.0, 100, 20)], scaler, duration_seconds=200)

    assert [one.finished_at > 0 for one in run.sequences] == [False, True]


def test_idle_hours_cost_nothing_without_pods() -> None:
    shape = on_off(1, on=60, off=140)
    run = simulate(MODEL, made(shape), Scripted(lambda at: int(at % 200 < 70)), duration_seconds=300)

    assert hours(run) < 0.75 * 300 / 3600


def test_full_pods_leave_requests_in_the_gateway_and_then_refuse() -> None:
    model = replace(MODEL, profile=replace(MODEL.profile, sequences=2), queue_depth_per_replica=1)
    run = simulate(model, [Request(1.0 + i / 1000, 500, 50) for i in range(10)], FixedSize(1), duration_seconds=60)

    assert sum(one.finished_at > 0 for one in run.sequences) == 6


def test_metrics_that_are_gone_leave_old_pages_and_an_error() -> None:
    scaler = Scripted(lambda _: 1)
    simulate(MODEL, made(constant(3)), scaler, duration_seconds=200, faults=Faults(metrics_gone=((50, 150),)))

    pod = scaler.at(100).pods[0]
    assert pod.scrape_error == "connection refused"
    assert pod.counters is not None
    assert pod.counters.at < EPOCH + 50
    assert scaler.at(160).pods[0].scrape_error is None


def test_crash_loses_requests_and_the_pod_comes_back() -> None:
    scaler = Scripted(lambda _: 2)
    run = simulate(
        replace(MODEL, first_size=2), made(constant(6)), scaler, duration_seconds=250, faults=Faults(crashes=(100.0,))
    )

    assert NotReady.UNREADY in {pod.not_ready for pod in scaler.at(106).pods}
    assert run.samples[-1].serving == 2
    assert 0 < sum(one.finished_at < 0 for one in run.sequences) < 60


def test_hung_pod_shows_frozen_counters() -> None:
    scaler = Scripted(lambda _: 1)
    simulate(MODEL, made(constant(3)), scaler, duration_seconds=200, faults=Faults(hangs=(100.0,)))

    early, late = (scaler.at(at).pods[0].counters for at in (120, 180))
    assert early is not None
    assert late is not None
    assert early.generation_tokens == late.generation_tokens
    assert (late.waiting or 0) > (early.waiting or 0)


def test_pods_without_a_node_wait_and_cost_nothing() -> None:
    scaler = Scripted(lambda _: 3)
    run = simulate(MODEL, made(constant(3)), scaler, duration_seconds=300, faults=Faults(room=((0.0, 2),)))

    assert [pod.not_ready for pod in scaler.at(200).pods] == [None, None, NotReady.UNSCHEDULABLE]
    assert hours(run) == pytest.approx(2 * 300 / 3600, rel=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_scaler_wants_no_request_is_lost_and_no_pod_too_many(seed: int) -> None:
    chance = random.Random(seed)
    wishes = [chance.randrange(12) for _ in range(40)]
    run = simulate(
        replace(MODEL, first_size=2, cold_start=ColdStart(mean_seconds=20, variation=0.3), hold_seconds=1e6),
        made(constant(4), minutes=3, seed=seed),
        Scripted(lambda at: wishes[int(at // 5) % 40]),
        duration_seconds=180,
    )

    assert all(sample.serving + sample.loading + sample.draining <= MODEL.max_replicas for sample in run.samples)
    assert all(one.finished_at >= one.first_token_at > 0 for one in run.sequences)
    assert all(pod.gone_at is None or not pod.replica.outstanding for pod in run.pods)
