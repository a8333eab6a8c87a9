"""A fleet is reached by its own names exactly while no policy stands before it, or `exposure` says so."""

import pytest
from tests.gateway.objects import fleet, lowered, policy, rule, secret, sleeper, to

from modelfleet.gateway import ir
from modelfleet.gateway.answer import may_use
from modelfleet.gateway.lower.whole import Lowered
from modelfleet.gateway.request import caller_with

ANOTHER, THIRD = "sk-another-0123456", "sk-third-012345678"
SQL = [{"name": "sql", "source": "hf://a/b"}]
LLAMA = ir.Backend(ir.BackendKind.FLEET, "models/llama")


def names(found: Lowered, fleet_name: str = "models/llama") -> tuple[str, ...] | None:
    """Return the names in a fleet's own table, if it has one."""
    table = found.gateway.tables.get(f"fleet/{fleet_name}")
    return table.models if table else None


def test_fleet_without_a_policy_has_its_bare_names_its_adapters_and_its_canonical_name() -> None:
    found = lowered(fleet(model={"servedNames": ["chat", "chat-8b"], "adapters": SQL}))

    assert names(found) == ("chat", "chat-8b", "models/llama", "sql")


def test_its_table_tries_it_twice_without_limits_or_an_overall_timeout() -> None:
    table = lowered(fleet()).gateway.tables["fleet/models/llama"]

    split = ir.Split(((LLAMA, 1),))
    assert table.rules == (ir.Rule("direct", (split, split)),)
    assert table.limits == ()


def test_fleet_that_may_sleep_is_tried_four_times_and_waited_for() -> None:
    (direct,) = lowered(sleeper(hold=600)).gateway.tables["fleet/models/llama"].rules

    assert len(direct.tries) == 4
    assert direct.timeouts.per_try_idle_seconds == 605


@pytest.mark.parametrize(
    ("exposure", "is_named", "is_direct"),
    [
        (None, False, True),
        (None, True, False),
        ("Direct", False, True),
        ("Direct", True, True),
        ("PolicyOnly", False, False),
        ("PolicyOnly", True, False),
    ],
)
def test_exposure_decides_and_without_it_whether_a_policy_names_the_fleet(
    exposure: str | None, is_named: bool, is_direct: bool
) -> None:
    objects = [fleet(exposure=exposure, model={"adapters": SQL}), *([policy()] if is_named else [])]

    assert (names(lowered(*objects)) is not None) == is_direct


@pytest.mark.parametrize(
    "naming",
    [
        pytest.param(rule(to("other"), to("llama", weight=0)), id="without weight"),
        pytest.param(rule(to("other"), fallback=[to("llama")]), id="as a fallback"),
    ],
)
def test_every_way_of_naming_a_fleet_closes_its_own_names(naming: dict[str, object]) -> None:
    assert names(lowered(fleet(), fleet("other"), policy(naming))) is None


def test_policy_without_a_name_of_its_own_still_closes_the_fleets_names() -> None:
    older = fleet("other", namespace="x", model={"servedNames": ["chat"]}, status={"servedNames": ["chat"]})

    assert names(lowered(fleet(), older, policy())) is None


def test_policy_of_another_namespace_closes_nothing() -> None:
    assert names(lowered(fleet(), policy(namespace="x"))) == ("llama", "models/llama")


def test_refined_name_is_the_policys_and_the_others_stay() -> None:
    refined = fleet(exposure="Direct", model={"servedNames": ["llama", "chat"]})

    found = lowered(refined, policy())

    assert names(found) == ("llama", "models/llama")
    assert found.gateway.tables["policy/models/chat"].models == ("chat",)
    assert found.fleets["models/llama"].findings[0].status == "True"


def test_name_of_another_fleet_is_not_in_the_table() -> None:
    other = fleet("other", namespace="x", model={"servedNames": ["llama"]}, created="2025-01-01T00:00:00Z")

    found = lowered(fleet(created="2026-01-01T00:00:00Z"), other)

    assert names(found) == ("models/llama",)
    assert found.fleets["models/llama"].findings[0].reason == "Conflict"
    assert names(found, "x/other") == ("llama", "x/other")


def test_granted_name_is_its_namespaces_alone() -> None:
    found = lowered(
        fleet(), fleet("gpt", model={"servedNames": ["gpt-4", "gpt-5"]}), names={"gpt-*": "x", "gpt-4": "models"}
    )

    assert names(found, "models/gpt") == ("gpt-4", "models/gpt")


def test_every_key_of_the_namespace_opens_it_and_no_other() -> None:
    found = lowered(fleet(), secret("a"), secret("b", bob=ANOTHER), secret("c", namespace="x", eve=THIRD))
    access = found.gateway.tables["fleet/models/llama"].access

    assert {key.scope for key in found.gateway.keys if may_use(access, caller_with(found.gateway, key.key))} == {
        "models/a",
        "models/b",
    }


def test_platform_may_let_callers_without_credentials_in() -> None:
    assert not lowered(fleet(), authRequired=False).gateway.tables["fleet/models/llama"].access.required
