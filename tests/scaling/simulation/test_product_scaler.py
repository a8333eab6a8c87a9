"""The product's scaler in the simulated fleet, request by request: in trouble it neither collapses nor runs away."""

from dataclasses import replace

from tests.scaling.simulation.fleets import MODEL, made

from modelfleet.scaling import ScalingPolicy, Slo
from modelfleet.scaling.simulation.faults import Faults
from modelfleet.scaling.simulation.loads import Sessions, constant, on_off, session_requests
from modelfleet.scaling.simulation.profile import LLAMA_8B_A100
from modelfleet.scaling.simulation.run import Run, simulate
from modelfleet.scaling.simulation.scaler import FixedSize, ProductScaler
from modelfleet.scaling.simulation.score import score

SLOW = replace(LLAMA_8B_A100, seconds_per_token=350e-6, seconds_per_kv_token=0.3e-6)
"""A fifth of the pace: the same sizes with a fifth of the requests to simulate."""
SLO = Slo(time_to_first_token_seconds=2.0, inter_token_seconds=0.1)
POLICY = ScalingPolicy(min_replicas=1, max_replicas=8, slo=SLO, running_per_replica=256)
THREE = replace(MODEL, profile=SLOW, first_size=3)


def sizes(run: Run, start: float, end: float) -> list[int]:
    return [sample.wanted for sample in run.samples if start <= sample.at < end]


def test_size_is_held_while_metrics_are_gone() -> None:
    outage = Faults(metrics_gone=((400.0, 700.0),))
    run = simulate(THREE, made(constant(4), minutes=13), ProductScaler(POLICY), faults=outage)

    before = sizes(run, 380, 400)[-1]
    assert set(sizes(run, 430, 700)) == {before}


def test_constant_load_is_no_reason_to_move() -> None:
    run = simulate(THREE, made(constant(4), minutes=30), ProductScaler(POLICY))

    assert score(run, SLO).reversals <= 4


def test_fleet_that_sleeps_costs_less_than_one_that_does_not() -> None:
    talk = Sessions(name="gate", shape=on_off(0.1, on=300, off=1300), duration_seconds=3200, turns=4)
    requests = session_requests(talk, 1)
    policy = replace(POLICY, min_replicas=0, idle_seconds=300)
    ours = simulate(MODEL, requests, ProductScaler(policy), duration_seconds=3200, can_hold=True)
    static = simulate(MODEL, requests, FixedSize(1), duration_seconds=3200)

    assert score(ours, SLO).gpu_hours < 0.75 * score(static, SLO).gpu_hours
    assert score(ours, SLO).attainment >= 0.85
