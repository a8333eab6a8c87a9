"""Runs are judged by what they cost and whom they kept waiting, and a schedule with foresight bounds them."""

from dataclasses import replace

import pytest
from tests.scaling.simulation.fleets import MODEL, Scripted, made

from modelfleet.scaling import Slo
from modelfleet.scaling.simulation.clairvoyant import clairvoyant, schedule
from modelfleet.scaling.simulation.loads import step
from modelfleet.scaling.simulation.request import Request, Sequence
from modelfleet.scaling.simulation.run import simulate
from modelfleet.scaling.simulation.scaler import FixedSize
from modelfleet.scaling.simulation.score import Score, is_good, score

SLO = Slo(time_to_first_token_seconds=1.0, inter_token_seconds=0.05)


@pytest.mark.parametrize(
    ("first", "finished", "good"),
    [
        pytest.param(1.0, 1.9, True, id="both within"),
        pytest.param(1.1, 1.9, False, id="late first token"),
        pytest.param(1.0, 2.1, False, id="slow tokens"),
        pytest.param(-1.0, -1.0, False, id="no token"),
        pytest.param(1.0, -1.0, False, id="never finished"),
    ],
)
def test_good_request_meets_both_limits(first: float, finished: float, good: bool) -> None:
    sequence = Sequence(Request(0.0, 10, 20))
    sequence.first_token_at, sequence.finished_at = first, finished

    assert is_good(sequence, SLO) is good


def test_changes_and_reversals_are_counted() -> None:
    sizes = [1, 2, 3, 3, 2, 3, 3, 1]
    run = simulate(MODEL, made(step(1, 1, at=0), minutes=2), Scripted(lambda at: sizes[min(7, int(at // 15))]))

    found = score(run, SLO)
    assert (found.scale_events, found.reversals) == (5, 3)


def test_misses_beyond_what_is_allowed_cost_a_tenth_each_per_cent() -> None:
    found = Score(requests=100, attainment=0.96, gpu_hours=3.0, cost_cents=0, scale_events=0, reversals=0, largest=3)

    assert found.against(2.0, allowed_misses=0.01) == pytest.approx(1.5 + 0.3)
    assert found.against(2.0, allowed_misses=0.05) == pytest.approx(1.5)


def test_schedule_orders_one_cold_start_ahead_and_keeps_pods_over_short_gaps() -> None:
    work = [0.5] * 20 + [1.5] * 10 + [0.5] * 3 + [1.5] * 10 + [0.5] * 20

    found = schedule(work, 1.0, MODEL)

    assert found.changes == ((0.0, 1), (200.0 - 66.0, 2), (430.0, 1), (630.0, 0))


def test_foresight_meets_the_slo_with_less_than_a_fixed_size() -> None:
    requests = made(step(2, 24, at=80, until=110), minutes=3)
    model = replace(MODEL, cold_start=replace(MODEL.cold_start, mean_seconds=15))
    best = clairvoyant(model, requests, duration_seconds=180, slo=SLO, allowed_misses=0.01, is_thorough=False)
    fixed = score(simulate(replace(model, first_size=best.score.largest), requests, FixedSize(best.score.largest)), SLO)

    assert best.score.attainment >= 0.99
    assert best.score.gpu_hours < 0.8 * fixed.gpu_hours
