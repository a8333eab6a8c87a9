"""Loads are what their shapes say, and the same for the same seed."""

import random
from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from modelfleet.scaling.simulation.loads import (
    CHAT,
    DOCUMENTS,
    Burstiness,
    Load,
    Sessions,
    Shape,
    TraceError,
    arrivals,
    as_trace,
    constant,
    diurnal,
    on_off,
    ramp,
    read_trace,
    requests_of,
    session_requests,
    shifting,
    spikes,
    steady,
    step,
)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param(constant(3), [3, 3, 3], id="constant"),
        pytest.param(ramp(0, 10, seconds=100), [0, 5, 10], id="ramp"),
        pytest.param(step(1, 4, at=50, until=90), [1, 4, 1], id="step"),
        pytest.param(diurnal(4, swing=0.5, period=100), [2, 6, 2], id="wave"),
        pytest.param(spikes(1, 9, every=51, lasting=2), [1, 9, 9], id="spikes"),
        pytest.param(on_off(2, on=50, off=25), [2, 0, 2], id="on and off"),
    ],
)
def test_shape_has_its_rates(shape: Shape, expected: list[float]) -> None:
    assert [shape(at) for at in (0.0, 50.0, 100.0)] == pytest.approx(expected)


def gaps(variation: float, slots: float = 0.0) -> list[float]:
    chance = random.Random(5)
    found = [
        *arrivals(constant(5), duration_seconds=1500, chance=chance, burstiness=Burstiness(gaps=variation, slots=slots))
    ]
    return [after - before for before, after in pairwise(found)]


@pytest.mark.parametrize("variation", [0.5, 1.0, 2.0])
def test_gaps_vary_as_much_as_asked(variation: float) -> None:
    found = gaps(variation)

    assert fmean(found) == pytest.approx(0.2, rel=0.1)
    assert pstdev(found) / fmean(found) == pytest.approx(variation, rel=0.15)


def test_slots_make_the_rate_itself_move() -> None:
    assert pstdev(gaps(1.0, slots=1.0)) > 1.5 * pstdev(gaps(1.0))


def test_same_seed_gives_the_same_requests_and_another_does_not() -> None:
    load = Load(name="some", shape=constant(2), duration_seconds=60)

    assert requests_of(load, 1) == requests_of(load, 1)
    assert requests_of(load, 1) != requests_of(load, 2)


def test_mix_shifts_from_short_to_long_prompts() -> None:
    mix = shifting(CHAT, DOCUMENTS, start=100, end=200)
    found = requests_of(Load(name="shift", shape=constant(10), duration_seconds=300, mix=mix), 1)

    early, late = ([one.prompt for one in found if start <= one.arrival < start + 100] for start in (0, 200))
    assert fmean(late) > 3 * fmean(early)


def test_steady_mix_draws_from_all_its_parts() -> None:
    found = requests_of(
        Load(name="both", shape=constant(10), duration_seconds=100, mix=steady((1, CHAT), (1, DOCUMENTS))), 1
    )

    assert 0.3 < sum(one.prompt > 1200 for one in found) / len(found) < 0.7


def test_turns_of_a_session_build_on_each_other() -> None:
    found = session_requests(Sessions(name="talk", shape=constant(0.05), duration_seconds=1200), 3)

    turns = [one for one in found if one.prefix == found[-1].prefix]
    assert len(turns) > 1
    assert [one.arrival for one in found] == sorted(one.arrival for one in found)
    assert all(after.prefix_tokens == before.prompt + before.output for before, after in pairwise(turns))


def test_trace_comes_back_as_it_was_written() -> None:
    requests = session_requests(Sessions(name="talk", shape=constant(0.05), duration_seconds=600), 1)
    again = read_trace(as_trace(requests).splitlines())

    assert [(one.prompt, one.output, one.prefix_tokens) for one in again] == [
        (one.prompt, one.output, one.prefix_tokens) for one in requests
    ]
    assert [one.arrival for one in again] == pytest.approx([one.arrival for one in requests], abs=1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "line 1: the columns must be", id="nothing"),
        pytest.param("a,b,c\n", 'found "a,b,c"', id="other columns"),
        pytest.param("arrival_seconds,prompt_tokens,output_tokens\n", "at least one request", id="no rows"),
        pytest.param("arrival_seconds,prompt_tokens,output_tokens\n1,x,3\n", "line 2: `prompt_tokens`", id="no number"),
        pytest.param("arrival_seconds,prompt_tokens,output_tokens\n1,2\n", "line 2: `output_tokens`", id="too short"),
        pytest.param("arrival_seconds,prompt_tokens,output_tokens\n-1,2,3\n", "`arrival_seconds`", id="negative"),
        pytest.param("arrival_seconds,prompt_tokens,output_tokens\nnan,2,3\n", "`arrival_seconds`", id="not a number"),
        pytest.param("arrival_seconds,prompt_tokens,output_tokens\n1,0,3\n", "`prompt_tokens` must", id="no tokens"),
    ],
)
def test_bad_trace_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(TraceError, match=words):
        read_trace(text.splitlines())
