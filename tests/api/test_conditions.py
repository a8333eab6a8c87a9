"""Conditions keep their times while they say the same, and every word has a sentence."""

from datetime import UTC, datetime

from modelfleet.api import reference
from modelfleet.api.conditions import (
    MAX_MESSAGE_LENGTH,
    NEVER,
    ConditionType,
    Finding,
    Reason,
    merged,
    pending,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ONE = datetime(2026, 1, 1, 13, tzinfo=UTC)


def ready(status: str = "True", message: str = "") -> Finding:
    """Return a finding about Ready."""
    return Finding(ConditionType.READY, status, Reason.SERVING, message)  # type: ignore[arg-type]


def test_transition_time_moves_only_with_the_status() -> None:
    first = merged([], [ready()], generation=1, now=NOON)
    same = merged(first, [ready(message="other words")], generation=2, now=ONE)
    other = merged(first, [ready("False")], generation=2, now=ONE)

    assert same[0].last_transition_time == first[0].last_transition_time == "2026-01-01T12:00:00Z"
    assert (same[0].message, same[0].observed_generation) == ("other words", 2)
    assert other[0].last_transition_time == "2026-01-01T13:00:00Z"


def test_pending_condition_gets_a_time_even_where_it_stays_unknown() -> None:
    (found,) = merged([pending(ConditionType.READY)], [ready("Unknown")], generation=1, now=NOON)

    assert pending(ConditionType.READY).last_transition_time == NEVER
    assert found.last_transition_time == "2026-01-01T12:00:00Z"


def test_types_that_are_no_longer_found_disappear_and_the_order_is_that_of_the_findings() -> None:
    fits = Finding(ConditionType.FITS, "True", Reason.ACCEPTED)
    before = merged([], [ready(), fits], generation=1, now=NOON)

    after = merged(before, [fits], generation=1, now=ONE)

    assert [condition.type for condition in after] == ["Fits"]


def test_message_has_an_end() -> None:
    (found,) = merged([], [ready(message="x" * 10_000)], generation=1, now=NOON)

    assert len(found.message) == MAX_MESSAGE_LENGTH


def test_every_type_and_reason_has_a_sentence() -> None:
    for enum in (ConditionType, Reason):
        for sentence in reference.members(enum).values():
            assert len(sentence.split()) > 2
            assert sentence.endswith(".")


def test_reasons_are_camel_case_and_named_after_their_value() -> None:
    for enum in (ConditionType, Reason):
        for member in enum:
            assert member.value.isalnum()
            assert member.value[0].isupper()
