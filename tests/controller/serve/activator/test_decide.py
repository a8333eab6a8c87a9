"""What becomes of a request to a fleet that may sleep, as a table."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.controller.serve.activator.decide import (
    Asked,
    Bounce,
    Caps,
    Hold,
    Load,
    Progress,
    Reason,
    Refuse,
    Sleeper,
    Verdict,
    decide,
    retry_after_seconds,
)

NOW = 1000.0
CAPS = Caps(per_fleet=10, total=20)
ASLEEP = Sleeper(hold_seconds=60, cold_start_seconds=90)
KNOWN_TO_ALL = replace(ASLEEP, is_ready=True, is_acknowledged=True)
JUST_READY = replace(ASLEEP, is_ready=True)
NO_WAITING = replace(ASLEEP, falls_back=True)
FIRST_TRY = Asked(target="models/m", started_at=NOW, arrived_at=NOW, attempt=1, tries=4)
HELD = Progress(is_held=True)


def last(asked: Asked) -> Asked:
    return replace(asked, attempt=asked.tries)


@pytest.mark.parametrize(
    ("sleeper", "asked", "progress", "load", "verdict"),
    [
        pytest.param(ASLEEP, FIRST_TRY, Progress(), Load(), Hold(NOW + 60), id="asleep: held"),
        pytest.param(
            ASLEEP,
            replace(FIRST_TRY, attempt=2, started_at=NOW - 50),
            Progress(),
            Load(),
            Hold(NOW + 10),
            id="after another replica's death the same clock runs on",
        ),
        pytest.param(ASLEEP, last(FIRST_TRY), Progress(), Load(), Hold(NOW + 60), id="held on the last try too"),
        pytest.param(KNOWN_TO_ALL, FIRST_TRY, HELD, Load(), Bounce(Reason.AWAKE, 1), id="awake: to the woken fleet"),
        pytest.param(
            KNOWN_TO_ALL, last(FIRST_TRY), HELD, Load(), Refuse(Reason.AWAKE, 1), id="awake, but no try is left"
        ),
        pytest.param(JUST_READY, FIRST_TRY, HELD, Load(), Hold(NOW + 5), id="ready: until every gateway knows"),
        pytest.param(
            JUST_READY,
            FIRST_TRY,
            Progress(is_held=True, ready_since=NOW - 3),
            Load(),
            Hold(NOW + 2),
            id="for 5 s since it was ready",
        ),
        pytest.param(
            JUST_READY,
            FIRST_TRY,
            Progress(is_held=True, ready_since=NOW - 5),
            Load(),
            Bounce(Reason.AWAKE, 1),
            id="and not longer",
        ),
        pytest.param(
            JUST_READY,
            replace(FIRST_TRY, started_at=NOW - 58),
            HELD,
            Load(),
            Hold(NOW + 2),
            id="nor longer than requests are held",
        ),
        pytest.param(NO_WAITING, FIRST_TRY, Progress(), Load(), Bounce(Reason.FALLS_BACK, 90), id="falls back at once"),
        pytest.param(
            NO_WAITING,
            last(FIRST_TRY),
            Progress(),
            Load(wanted_since=NOW - 30),
            Refuse(Reason.FALLS_BACK, 60),
            id="falls back, and there is no fallback",
        ),
        pytest.param(
            replace(NO_WAITING, is_ready=True), FIRST_TRY, Progress(), Load(), Bounce(Reason.AWAKE, 1), id="never waits"
        ),
        pytest.param(
            ASLEEP,
            replace(FIRST_TRY, started_at=NOW - 60),
            HELD,
            Load(),
            Bounce(Reason.HOLD_ENDED, 30),
            id="held long enough: to the fallback",
        ),
        pytest.param(
            ASLEEP,
            last(replace(FIRST_TRY, started_at=NOW - 60)),
            HELD,
            Load(wanted_since=NOW - 60),
            Refuse(Reason.HOLD_ENDED, 30),
            id="held long enough: what is left of the cold start",
        ),
        pytest.param(
            ASLEEP, FIRST_TRY, Progress(), Load(of_fleet=10), Bounce(Reason.TOO_MANY, 90), id="too many for the fleet"
        ),
        pytest.param(ASLEEP, FIRST_TRY, Progress(), Load(total=20), Bounce(Reason.TOO_MANY, 90), id="too many in all"),
        pytest.param(
            ASLEEP,
            last(FIRST_TRY),
            Progress(),
            Load(total=20, wanted_since=NOW - 10),
            Refuse(Reason.TOO_MANY, 80),
            id="too many, and no try is left",
        ),
        pytest.param(ASLEEP, FIRST_TRY, HELD, Load(of_fleet=10), Hold(NOW + 60), id="who is held already stays"),
        pytest.param(None, FIRST_TRY, Progress(), Load(), Hold(NOW + 5), id="unknown: perhaps it was just created"),
        pytest.param(
            None,
            replace(FIRST_TRY, arrived_at=NOW - 5),
            HELD,
            Load(),
            Bounce(Reason.UNKNOWN_FLEET, 5),
            id="unknown for long",
        ),
    ],
)
def test_verdicts(sleeper: Sleeper | None, asked: Asked, progress: Progress, load: Load, verdict: Verdict) -> None:
    assert decide(asked, sleeper, progress=progress, load=load, caps=CAPS, now=NOW) == verdict


@pytest.mark.parametrize(
    ("cold_start", "elapsed", "seconds"),
    [
        pytest.param(90.0, 0.0, 90, id="just began"),
        pytest.param(90.0, 30.5, 60, id="rounded up"),
        pytest.param(90.0, 89.0, 9, id="nearly over: a tenth"),
        pytest.param(90.0, 600.0, 9, id="later than usual: a tenth"),
        pytest.param(2.0, 600.0, 1, id="at least a second"),
        pytest.param(90000.0, 0.0, 3600, id="at most an hour"),
    ],
)
def test_retry_after_is_what_is_left_of_a_cold_start(cold_start: float, elapsed: float, seconds: int) -> None:
    assert retry_after_seconds(cold_start, elapsed_seconds=elapsed) == seconds


sleepers = st.none() | st.builds(
    Sleeper,
    hold_seconds=st.floats(1, 600),
    falls_back=st.booleans(),
    cold_start_seconds=st.floats(0, 2000),
    is_ready=st.booleans(),
    is_acknowledged=st.booleans(),
)


@given(
    sleeper=sleepers,
    attempt=st.integers(1, 6),
    tries=st.integers(0, 6),
    age=st.floats(0, 1000),
    held=st.booleans(),
    of_fleet=st.integers(0, 20),
)
def test_a_client_never_sees_425_and_nobody_waits_for_ever(
    *, sleeper: Sleeper | None, attempt: int, tries: int, age: float, held: bool, of_fleet: int
) -> None:
    asked = Asked(target="models/m", started_at=NOW - age, arrived_at=NOW - age, attempt=attempt, tries=tries)
    verdict = decide(asked, sleeper, progress=Progress(is_held=held), load=Load(of_fleet=of_fleet), caps=CAPS, now=NOW)

    if isinstance(verdict, Hold):
        assert NOW < verdict.until <= asked.started_at + (sleeper.hold_seconds if sleeper else 5)
    else:
        assert isinstance(verdict, Refuse) == (attempt >= tries)
