"""The engine that jumps over steps does what one that runs every step does."""

import random
from dataclasses import replace

import pytest
from tests.scaling.simulation.stepwise import Stepwise

from modelfleet.scaling.simulation.profile import LLAMA_8B_A100, EngineProfile
from modelfleet.scaling.simulation.replica import NEVER, Replica
from modelfleet.scaling.simulation.request import Request, Sequence


def served(profile: EngineProfile, requests: list[Request]) -> tuple[Replica, list[Sequence]]:
    replica = Replica(profile)
    sequences = [Sequence(request) for request in requests]
    for sequence in sequences:
        while replica.due <= sequence.request.arrival:
            replica.advance()
        replica.submit(sequence, sequence.request.arrival)
    while replica.due != NEVER:
        replica.advance()
    return replica, sequences


def requests_of(seed: int, *, count: int, rate: float, prompt: int, output: int) -> list[Request]:
    chance = random.Random(seed)
    arrival, made = 0.0, []
    for _ in range(count):
        arrival += chance.expovariate(rate)
        made.append(Request(arrival, 1 + int(chance.expovariate(1 / prompt)), 1 + int(chance.expovariate(1 / output))))
    return made


SMALL_CACHE = replace(LLAMA_8B_A100, kv_tokens=1_500)
FEW_SEQUENCES = replace(LLAMA_8B_A100, sequences=4)
SMALL_STEPS = replace(LLAMA_8B_A100, tokens_per_step=128, sequences=64)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("profile", "rate", "prompt"),
    [
        pytest.param(LLAMA_8B_A100, 5.0, 400, id="calm"),
        pytest.param(LLAMA_8B_A100, 0.2, 400, id="one at a time"),
        pytest.param(FEW_SEQUENCES, 5.0, 100, id="few sequences at once"),
        pytest.param(SMALL_STEPS, 5.0, 500, id="prompts in many chunks"),
        pytest.param(SMALL_CACHE, 20.0, 100, id="a cache that is too small"),
    ],
)
def test_jumping_over_steps_changes_nothing(profile: EngineProfile, rate: float, prompt: int, seed: int) -> None:
    requests = requests_of(seed, count=40, rate=rate, prompt=prompt, output=60)

    stepwise = Stepwise(profile, requests)
    expected = stepwise.run()
    replica, sequences = served(profile, requests)

    assert [one.first_token_at for one in sequences] == pytest.approx([one.first_token_at for one in expected])
    assert [one.finished_at for one in sequences] == pytest.approx([one.finished_at for one in expected])
    assert replica.totals.preemptions == stepwise.preemptions
    assert (stepwise.preemptions > 0) == (profile is SMALL_CACHE)


def test_everything_is_given_back_and_counted() -> None:
    requests = requests_of(7, count=60, rate=5.0, prompt=150, output=60)

    replica, _ = served(SMALL_CACHE, requests)

    assert (replica.outstanding, replica.kv.tokens, replica.kv.reserved, replica.kv.decoding) == (0, 0, 0, 0)
    assert replica.kv.phases == [0] * 16
    assert replica.totals.finished == 60
    assert replica.totals.generated_tokens == sum(request.output for request in requests)
    assert replica.totals.prompt_tokens == sum(request.prompt for request in requests)


def test_known_prefix_is_not_computed_again() -> None:
    requests = [Request(at, prompt=1600, output=10, prefix=7, prefix_tokens=1500) for at in (0.0, 10.0)]

    replica, (first, second) = served(LLAMA_8B_A100, requests)

    assert replica.totals.cached_tokens == 1488
    assert second.time_to_first_token < first.time_to_first_token / 3


def test_steps_done_is_the_inverse_of_their_time() -> None:
    replica = Replica(LLAMA_8B_A100)
    replica.submit(Sequence(Request(0.0, prompt=3000, output=500)), 0.0)
    replica.advance()
    replica.advance()

    assert [replica.steps_done(replica.begun + replica.run_seconds(steps) + 1e-6) for steps in (0, 1, 99, 400)] == [
        0, 1, 99, 400,
    ]  # fmt: skip
