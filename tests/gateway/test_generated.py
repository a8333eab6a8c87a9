"""Whatever a policy says and a request brings, nobody gets further than the policy lets them."""

from functools import cache

from hypothesis import given, settings
from tests.gateway.generated import Asked, Case, cases, world
from tests.gateway.objects import lowered

from modelfleet.gateway.answer import Answer, answer
from modelfleet.gateway.lower.whole import Lowered
from modelfleet.gateway.request import Request, caller_with

many = settings(max_examples=60, deadline=None, derandomize=True)


@cache
def around() -> tuple[object, ...]:
    """Return the objects that every policy lives among, read once."""
    return tuple(world())


def met(found: Lowered, asked: Asked) -> Answer:
    """Return what a client meets."""
    caller = caller_with(found.gateway, asked.key) if asked.key else None
    stranger = asked.key is not None and caller is None
    model = asked.model or "m0"
    request = Request(model, caller, is_stranger=stranger, headers=asked.headers, body_bytes=asked.body_bytes)
    return answer(found.gateway, request)


@many
@given(cases())
def test_nobody_without_a_key_of_the_namespace_gets_anywhere(case: Case) -> None:
    found = lowered(*around(), case.policy(0))
    for asked in case.asked:
        caller = caller_with(found.gateway, asked.key or "")
        reached = met(found, asked)

        assert caller is not None or reached.status in {401, 404}
        assert (
            caller is None
            or caller.scope.startswith("models/")
            or asked.model == "foreign"
            or reached.status in {403, 404}
        )


@many
@given(cases())
def test_tries_go_to_what_the_policy_names_and_nowhere_else(case: Case) -> None:
    found = lowered(*around(), case.policy(0))
    for asked in case.asked:
        reached = met(found, asked)
        if reached.rule is None or reached.table is None or not reached.table.name.startswith("policy/"):
            continue
        rule = next(one for one in case.spec["rules"] if one["name"] == reached.rule.name)
        named = {
            f"models/{step['modelDeployment']}"
            for step in (*rule["backends"], *rule["fallback"])
            if "modelDeployment" in step
        }

        assert {backend.name for split in reached.tries for backend, _ in split.backends} <= named


@many
@given(cases())
def test_fleets_behind_a_policy_are_not_reached_by_their_own_names(case: Case) -> None:
    found = lowered(*around(), case.policy(0))
    named = {
        step["modelDeployment"]
        for rule in case.spec["rules"]
        for step in (*rule["backends"], *rule["fallback"])
        if "modelDeployment" in step
    }

    for table in found.gateway.tables.values():
        assert not {*named, *(f"models/{name}" for name in named)} & set(table.models)


@many
@given(cases())
def test_lowering_again_changes_nothing(case: Case) -> None:
    assert lowered(*around(), case.policy(0)) == lowered(*reversed(around()), case.policy(0))
