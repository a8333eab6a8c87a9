"""How many requests miss at which use: theory first, then what was seen."""

import pytest

from modelfleet.scaling.engine_model import EngineModel
from modelfleet.scaling.misses import Misses, Replica, expected_share, rising
from modelfleet.scaling.policy import Slo

SLO = Slo(time_to_first_token_seconds=1.0, inter_token_seconds=0.066)
REPLICA = Replica(engine=EngineModel(), prompt_tokens=1000.0, ceiling=1.0)


def test_an_idle_replica_meets_what_its_engine_can() -> None:
    assert expected_share(0.0, REPLICA, SLO) < 0.001


def test_a_full_one_misses_everything() -> None:
    assert expected_share(1.0, REPLICA, SLO) == 1.0
    assert Misses().curve(REPLICA, SLO).at(1.3) == 1.0


def test_the_time_between_tokens_binds_where_the_model_says() -> None:
    # a / (1 - u) is 66 ms at u = 0.82.
    assert expected_share(0.70, REPLICA, SLO) < 0.05
    assert expected_share(0.88, REPLICA, SLO) > 0.95


def test_a_tighter_objective_for_the_first_token_costs_more_room() -> None:
    tight = Slo(time_to_first_token_seconds=0.2, inter_token_seconds=1.0)
    loose = Slo(time_to_first_token_seconds=2.0, inter_token_seconds=1.0)

    assert expected_share(0.8, REPLICA, tight) > expected_share(0.8, REPLICA, loose)


def test_an_objective_below_the_engines_own_step_is_missed_by_all() -> None:
    assert expected_share(0.0, REPLICA, Slo(time_to_first_token_seconds=0.05, inter_token_seconds=1.0)) == 1.0
    assert expected_share(0.0, REPLICA, Slo(time_to_first_token_seconds=1.0, inter_token_seconds=0.008)) > 0.9


def test_a_ceiling_below_the_compute_moves_everything() -> None:
    bound = Replica(engine=EngineModel(), prompt_tokens=1000.0, ceiling=0.5)

    assert expected_share(0.5, bound, SLO) == 1.0
    assert expected_share(0.2, bound, SLO) < 0.05


def test_what_is_seen_bends_the_theory() -> None:
    seen = Misses().with_requests(utilization=0.52, requests=2000.0, missed=1000.0)
    fine = Misses().with_requests(utilization=0.88, requests=4000.0, missed=0.0)

    assert seen.curve(REPLICA, SLO).at(0.53) > 0.3
    assert fine.curve(REPLICA, SLO).at(0.85) < 0.2


def test_new_requests_replace_old_ones() -> None:
    misses = Misses().with_requests(utilization=0.5, requests=5000.0, missed=5000.0)
    for _ in range(100):
        misses = misses.with_requests(utilization=0.5, requests=500.0, missed=0.0)

    assert misses.curve(REPLICA, SLO).at(0.52) < 0.01


def test_the_curve_never_falls() -> None:
    shares = Misses().with_requests(utilization=0.3, requests=900.0, missed=300.0).curve(REPLICA, SLO).shares

    assert list(shares) == sorted(shares)


def test_pooling_keeps_what_rises_and_evens_out_what_falls() -> None:
    assert rising([0.1, 0.2, 0.3], [1.0, 1.0, 1.0]) == [0.1, 0.2, 0.3]
    assert rising([0.1, 0.4, 0.2], [1.0, 1.0, 3.0]) == pytest.approx([0.1, 0.25, 0.25])
