"""A status is written when it says something new, and only turns are told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.controller.reconcile.report import merge_patch, turns

JSON = st.recursive(
    st.integers(0, 2) | st.sampled_from("ab") | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("xyz"), JSON, max_size=3)


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


SERVING = condition("Ready", "True", "Serving")
LOADING = condition("Ready", "False", "Loading")
CRASHING = condition("Ready", "False", "CrashLoop", "it crashes")
ACCEPTED = condition("Accepted", "True", "Accepted")
REFUSED = condition("Accepted", "False", "TooLarge", "too large")
NOT_READY = condition("Ready", "False", "TooLarge", "too large")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param([SERVING], [SERVING], [], id="nothing turned"),
        pytest.param([SERVING], [SERVING | {"message": "other words"}], [], id="the words changed"),
        pytest.param([LOADING], [SERVING], [SERVING], id="it serves"),
        pytest.param([SERVING], [CRASHING], [CRASHING], id="it crashes"),
        pytest.param([CRASHING], [CRASHING | {"reason": "OutOfMemory"}], ["OutOfMemory"], id="the reason turned"),
        pytest.param([SERVING], [LOADING], [], id="what passes by itself"),
        pytest.param([], [LOADING, ACCEPTED], [], id="a new fleet"),
        pytest.param([], [SERVING, ACCEPTED], [SERVING], id="what is fine from the start, but for the summary"),
        pytest.param([ACCEPTED], [NOT_READY, REFUSED], [NOT_READY], id="the same words once"),
        pytest.param([REFUSED], [ACCEPTED], [ACCEPTED], id="it is accepted again"),
        pytest.param([], [condition("Progressing", "False", "Suspended")], [], id="what follows from others"),
    ],
)
def test_which_turns_are_told(before: list[Any], after: list[Any], told: list[Any]) -> None:
    reasons = [one["reason"] if isinstance(one, dict) else one for one in told]

    assert [one["reason"] for one in turns(before, after)] == reasons


@given(OBJECTS, OBJECTS)
def test_a_patch_turns_one_object_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merged(before, merge_patch(before, after)) == after


@given(OBJECTS)
def test_a_patch_between_equals_is_empty(same: dict[str, Any]) -> None:
    assert merge_patch(same, same) == {}


def merged(target: Any, patch: Any) -> Any:
    """Return *target* with *patch*, as RFC 7386 says."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
