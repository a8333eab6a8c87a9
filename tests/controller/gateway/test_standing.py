"""What a policy is told about the gateways follows from how far its table has spread, and stays once it was true."""

from collections.abc import Iterable
from typing import Any

import pytest
from tests.gateway import objects

from modelfleet.api.conditions import Condition, Finding
from modelfleet.controller.gateway import standing
from modelfleet.controller.gateway.reach import Spread
from modelfleet.gateway.lower.policies import LoweredPolicy

NOW = "2026-01-01T00:00:00Z"


def lowered(**fields: Any) -> LoweredPolicy:
    whole = objects.lowered(objects.fleet(), objects.policy(**fields), names={"granted": "other"})
    return whole.policies["models/chat"]


def programmed(generation: int) -> Condition:
    return Condition(
        type="Programmed", status="True", reason="Programmed", observed_generation=generation, last_transition_time=NOW
    )


def told(spread: Spread | None, before: Iterable[Condition] = (), policy: LoweredPolicy | None = None) -> Finding:
    return standing.programmed(policy or lowered(), spread, before=before, generation=2)


@pytest.mark.parametrize(
    ("spread", "status", "reason"),
    [
        (Spread(0), "Unknown", "NoGateway"),
        (Spread(2, ("gw-1",)), "Unknown", "NotAcknowledged"),
        (Spread(2), "True", "Programmed"),
        (Spread(2, ("gw-1",), "bad regex"), "False", "RejectedByGateway"),
    ],
)
def test_how_far_it_has_spread_is_told(spread: Spread, status: str, reason: str) -> None:
    found = told(spread)

    assert (found.status, found.reason) == (status, reason)


def test_what_was_seen_everywhere_stays_so_while_gateways_come_and_go() -> None:
    assert told(Spread(0), [programmed(2)]).status == "True"
    assert told(Spread(2, ("gw-1",)), [programmed(2)]).status == "True"


def test_a_new_generation_must_be_seen_anew() -> None:
    assert told(Spread(2, ("gw-1",)), [programmed(1)]).status == "Unknown"


def test_a_refusal_is_told_whatever_was_seen_before() -> None:
    found = told(Spread(2, refused="bad regex"), [programmed(2)])

    assert found.status == "False"
    assert "bad regex" in found.message


def test_of_many_gateways_that_lack_it_some_are_named() -> None:
    found = told(Spread(9, tuple(f"gw-{number}" for number in range(9))))

    assert "9 of 9" in found.message
    assert "gw-2" in found.message
    assert "gw-3" not in found.message


def test_a_policy_that_lost_all_its_names_has_nothing_to_program() -> None:
    found = told(None, policy=lowered(models=["granted"]))

    assert (found.status, found.reason) == ("False", "Conflict")


def test_one_waits_for_gateways_that_are_there_and_not_for_those_that_are_not() -> None:
    def is_settled(spread: Spread) -> bool:
        return standing.of_policy(lowered(), spread, before=(), generation=2).is_settled

    assert [is_settled(each) for each in (Spread(0), Spread(1), Spread(1, ("gw-1",)), Spread(1, (), "bad"))] == [
        True,
        True,
        False,
        False,
    ]


def test_an_unreadable_policy_is_told_so_and_keeps_its_names() -> None:
    found = standing.of_unreadable("`rules` must be a list", lowered())

    assert found.models == ("chat",)
    assert [each.status for each in found.findings if each.type == "Accepted"] == ["False"]


def test_without_a_gateway_in_the_platform_policies_are_told_so() -> None:
    found = standing.NoGateway().standing("models", "chat", before=(), generation=1)

    assert {each.reason for each in found.findings} >= {"NoGateway"}
