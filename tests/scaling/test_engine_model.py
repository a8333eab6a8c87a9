"""The engine's model finds the coefficients behind what it is shown, and stays sane where it is shown too little."""

import random

import pytest

from modelfleet.scaling.engine_model import PRIOR_STEP_SECONDS, SPREAD, EngineModel, EngineSums

ENGINES = [
    pytest.param(EngineModel(0.012, 0.06e-6, 60e-6), id="8B on A100"),
    pytest.param(EngineModel(0.0065, 0.048e-6, 30e-6), id="8B on H100"),
    pytest.param(EngineModel(0.024, 0.031e-6, 70e-6), id="70B on four H100"),
]


def shown(engine: EngineModel, *, intervals: int, noise: float = 0.0, varied: bool = True) -> EngineSums:
    chance = random.Random(3)
    sums = EngineSums()
    for _ in range(intervals):
        context, tokens = (chance.uniform(2e4, 3e5), chance.uniform(20, 600)) if varied else (1e5, 200.0)
        seconds = engine.step_seconds + engine.seconds_per_context_token * context + engine.seconds_per_token * tokens
        sums = sums.with_interval(
            seconds=seconds * (1 + chance.uniform(-noise, noise)), context_tokens=context, tokens=tokens
        )
    return sums


@pytest.mark.parametrize("engine", ENGINES)
def test_the_coefficients_behind_noisy_intervals_are_found(engine: EngineModel) -> None:
    found = shown(engine, intervals=300, noise=0.05).model()

    assert found.step_seconds == pytest.approx(engine.step_seconds, rel=0.1)
    assert found.seconds_per_context_token == pytest.approx(engine.seconds_per_context_token, rel=0.15)
    assert found.seconds_per_token == pytest.approx(engine.seconds_per_token, rel=0.1)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_load_that_never_varies_still_predicts_its_own_step(engine: EngineModel) -> None:
    found = shown(engine, intervals=300, varied=False).model()
    true = engine.step_seconds + engine.seconds_per_context_token * 1e5 + engine.seconds_per_token * 200
    predicted = found.step_seconds + found.seconds_per_context_token * 1e5 + found.seconds_per_token * 200

    assert predicted == pytest.approx(true, rel=0.02)


def test_without_intervals_the_prior_holds() -> None:
    found = EngineSums().model()

    assert found.step_seconds == pytest.approx(PRIOR_STEP_SECONDS)
    assert found.seconds_per_context_token == pytest.approx(0.06e-6)
    assert found.seconds_per_token == pytest.approx(60e-6)


def test_old_intervals_are_forgotten_after_a_change_of_the_engine() -> None:
    sums = shown(EngineModel(0.024, 0.06e-6, 60e-6), intervals=500)
    for context, tokens in [(2e4, 50.0), (2e5, 100.0), (5e4, 500.0)] * 1000:
        sums = sums.with_interval(
            seconds=0.006 + 0.06e-6 * context + 60e-6 * tokens, context_tokens=context, tokens=tokens
        )

    assert sums.model().step_seconds == pytest.approx(0.006, rel=0.05)


def test_latencies_that_fall_with_load_give_no_negative_coefficient() -> None:
    sums = EngineSums()
    for tokens in range(10, 1000, 10):
        sums = sums.with_interval(seconds=0.1 / tokens, context_tokens=100.0 * tokens, tokens=float(tokens))
    model = sums.model()

    assert model.step_seconds >= PRIOR_STEP_SECONDS / SPREAD
    assert model.seconds_per_context_token > 0
    assert model.seconds_per_token > 0


def test_work_is_linear_in_the_traffic() -> None:
    engine = EngineModel()
    one = engine.work(prompt_rate=1000.0, generation_rate=500.0, context_tokens=800.0)

    assert engine.work(prompt_rate=3000.0, generation_rate=1500.0, context_tokens=800.0) == pytest.approx(3 * one)
    assert one == pytest.approx(60e-6 * 1500 + 0.06e-6 * 800 * 500)
