"""The forecast learns how wrong it is at its own horizon."""

import math
import random

import pytest

from modelfleet.scaling.forecast import OUTCOMES, Forecast


def after(works: list[float], *, horizon: float = 60.0, seconds: float = 5.0) -> Forecast:
    forecast = Forecast()
    for index, work in enumerate(works):
        forecast = forecast.with_tick(
            now=1000.0 + index * seconds, seconds=seconds, level=work, came=work, horizon=horizon
        )
    return forecast


def spread(forecast: Forecast, level: float) -> float:
    outcomes = forecast.distribution(1e6, level, at_most=1e9)
    mean = sum(work * probability for work, probability in outcomes)
    return math.sqrt(sum(probability * (work - mean) ** 2 for work, probability in outcomes))


def test_probabilities_add_up_to_one_and_works_rise() -> None:
    outcomes = after([3.0] * 100).distribution(1e6, 3.0, at_most=1e9)

    assert sum(probability for _, probability in outcomes) == pytest.approx(1.0, abs=0.01)
    assert [work for work, _ in outcomes] == sorted(work for work, _ in outcomes)


def test_a_load_that_keeps_still_narrows_the_margin() -> None:
    assert spread(after([3.0] * 2000), 3.0) < 0.5 * spread(Forecast(), 3.0)


def test_a_load_that_swings_within_the_horizon_widens_it() -> None:
    chance = random.Random(1)
    jumping = [level for _ in range(40) for level in [chance.uniform(1.0, 6.0)] * 24]

    assert spread(after(jumping), 3.0) > 1.5 * spread(after([3.0] * 960), 3.0)


def test_waves_are_continued_and_steps_are_not() -> None:
    period = 1800 / 5
    waves = [4.0 + 2.0 * math.sin(2 * math.pi * index / period) for index in range(1440)]
    chance = random.Random(1)
    jumping = [level for _ in range(60) for level in [chance.uniform(1.0, 6.0)] * 24]

    assert spread(after(waves, horizon=180.0), 4.0) < 0.5 * spread(after(jumping, horizon=180.0), 4.0)
    assert after(waves, horizon=180.0).trend > 0.7
    assert after(jumping, horizon=180.0).trend < 0.3


def test_a_rise_before_much_is_known_is_expected_to_go_on() -> None:
    rising = after([1.0 + 0.01 * index for index in range(20)], horizon=180.0)

    assert rising.expected(rising.basis(2000.0, 1.2)) > 1.25


def test_an_error_counts_only_when_its_horizon_has_passed() -> None:
    forecast = after([3.0] * 12, horizon=60.0)

    assert not forecast.outcomes
    assert len(forecast.with_tick(now=1060.0, seconds=5.0, level=3.0, came=9.0, horizon=60.0).outcomes) == 1


def test_nothing_comes_beyond_the_cap() -> None:
    assert max(work for work, _ in after([1.0, 9.0] * 100).distribution(1e6, 5.0, at_most=5.25)) == 5.25


def test_what_is_kept_is_bounded() -> None:
    forecast = after([3.0] * 5000, horizon=240.0)

    assert len(forecast.pending) <= 240 / 5 + 1
    assert len(forecast.outcomes) == OUTCOMES


def test_after_a_quiet_hour_the_margin_is_finite() -> None:
    forecast = after([4.0] * 700 + [0.0] * 700)

    assert all(work < 100 for work, _ in forecast.distribution(1e6, 0.0, at_most=1e9))
