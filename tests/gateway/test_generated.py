"""Whatever a policy says and a request brings, nobody gets further than the policy lets them."""

import pytest
from tests.gateway.generated import Asked, Case, case, named_by, world
from tests.gateway.objects import lowered

from modelfleet.gateway.answer import Answer, answer
from modelfleet.gateway.lower.whole import Lowered
from modelfleet.gateway.request import Request, caller_with

POLICIES = 200


@pytest.fixture(scope="module")
def generated() -> list[tuple[Case, Lowered]]:
    """Return generated policies, each with what it makes of the gateway among the fleets and Secrets of `world`."""
    around = world()
    return [(made, lowered(*around, made.policy)) for made in map(case, range(POLICIES))]


def met(found: Lowered, asked: Asked) -> Answer:
    """Return what a client meets."""
    caller = caller_with(found.gateway, asked.key) if asked.key else None
    stranger = asked.key is not None and caller is None
    request = Request(asked.model, caller, is_stranger=stranger, headers=asked.headers, body_bytes=asked.body_bytes)
    return answer(found.gateway, request)


def test_nobody_without_a_key_of_the_namespace_gets_anywhere(generated: list[tuple[Case, Lowered]]) -> None:
    for made, found in generated:
        for asked in made.asked:
            caller = caller_with(found.gateway, asked.key or "")
            is_home = caller is not None and (caller.scope.startswith("models/") or asked.model == "foreign")

            assert is_home or met(found, asked).status in {401, 403, 404}


def test_tries_go_to_what_the_rule_names_and_nowhere_else(generated: list[tuple[Case, Lowered]]) -> None:
    routed = 0
    for made, found in generated:
        for asked in made.asked:
            reached = met(found, asked)
            if reached.rule and reached.table and reached.table.name.startswith("policy/"):
                rule = next(one for one in made.rules if one["name"] == reached.rule.name)
                routed += 1

                assert {backend.name for split in reached.tries for backend, _ in split.backends} <= named_by(rule)

    assert routed > POLICIES // 2


def test_fleets_behind_a_policy_are_not_reached_by_their_own_names(generated: list[tuple[Case, Lowered]]) -> None:
    for made, found in generated:
        behind = frozenset[str]().union(*map(named_by, made.rules))
        for table in found.gateway.tables.values():
            assert not {*behind, *(name.removeprefix("models/") for name in behind)} & set(table.models)


def test_order_of_the_objects_changes_nothing(generated: list[tuple[Case, Lowered]]) -> None:
    around = world()[::-1]
    for made, found in generated[:20]:
        assert lowered(made.policy, *around) == found
