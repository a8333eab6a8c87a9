"""The decisions of leader election, as a table."""

from typing import Any

import pytest

from modelfleet.controller.cluster.election import Action, Sight, Timing, held, look, released, step


def lease(holder: str, *, version: str = "7", duration: int | None = 15) -> dict[str, Any]:
    return {
        "metadata": {"resourceVersion": version},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": duration, "leaseTransitions": 3},
    }


@pytest.mark.parametrize(
    ("found", "seen_for", "action"),
    [
        pytest.param(None, 0, Action.CREATE, id="there is no lease"),
        pytest.param(lease(""), 0, Action.ACQUIRE, id="released"),
        pytest.param({"metadata": {"resourceVersion": "1"}}, 0, Action.ACQUIRE, id="without a spec"),
        pytest.param(lease("me"), 0, Action.RENEW, id="ours"),
        pytest.param(lease("me"), 100, Action.RENEW, id="ours, long unrenewed"),
        pytest.param(lease("other"), 0, Action.WAIT, id="seen for the first time"),
        pytest.param(lease("other"), 14.9, Action.WAIT, id="just within its duration"),
        pytest.param(lease("other"), 15, Action.ACQUIRE, id="unchanged for its duration"),
        pytest.param(lease("other", duration=60), 15, Action.WAIT, id="the holder's own duration counts"),
        pytest.param(lease("other", duration=0), 0.5, Action.WAIT, id="a duration of nothing is a second"),
        pytest.param(lease("other", duration=None), 1, Action.ACQUIRE, id="no duration is a second"),
    ],
)
def test_the_next_step(found: dict[str, Any] | None, seen_for: float, action: Action) -> None:
    sight = Sight(found["metadata"]["resourceVersion"], 100.0) if found else None

    assert step(found, sight, me="me", now=100.0 + seen_for) is action


def test_a_renewed_lease_is_a_new_sight() -> None:
    first = look(lease("other", version="7"), None, now=10)
    unchanged = look(lease("other", version="7"), first, now=20)
    renewed = look(lease("other", version="8"), unchanged, now=20)

    assert (unchanged, renewed) == (Sight("7", 10), Sight("8", 20))


@pytest.mark.parametrize(
    ("before", "transitions"),
    [
        pytest.param(None, 0, id="a new lease"),
        pytest.param(lease("other"), 4, id="a lease taken over"),
        pytest.param(lease("me"), 3, id="a lease renewed"),
    ],
)
def test_transitions_count_changes_of_holder(before: dict[str, Any] | None, transitions: int) -> None:
    spec = held(before, me="me", duration=15, written_at="now")

    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("me", transitions)


def test_a_released_lease_is_nobodys() -> None:
    spec = released(lease("me"), written_at="now")

    assert step({"metadata": {"resourceVersion": "8"}, "spec": spec}, Sight("8", 0), me="b", now=0) is Action.ACQUIRE


@pytest.mark.parametrize("times", [(15, 15, 2), (15, 10, 10), (15, 10, 0), (5, 10, 2)])
def test_times_that_contradict_each_other_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="must be retry < renew deadline < duration"):
        Timing(*times)
