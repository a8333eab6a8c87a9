"""After any history of changes, what was compiled step by step is what is lowered from all objects at once."""

from typing import Any

import pytest
from hypothesis import given, settings
from tests.controller.gateway.histories import CHANGES, SETTING, Id, Thing, at_once, id_of, put
from tests.gateway import objects

from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.controller.gateway import compiler as compiler_module
from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.gateway.ir import Pool
from modelfleet.gateway.lower.policies import LoweredPolicy
from modelfleet.gateway.lower.pools import pool_of


@settings(max_examples=300, deadline=None)
@given(CHANGES)
def test_any_history_leads_to_the_same_as_all_objects_at_once(changes: list[tuple[Thing, bool]]) -> None:
    compiler, known, served = Compiler(SETTING), dict[Id, Thing](), dict[str, Any]()
    for thing, stays in changes:
        key = id_of(thing)
        known.pop(key, None)
        if stays:
            known[key] = thing
        put(compiler, key, thing if stays else None)
        difference = compiler.compile()
        for name, table in difference.tables.items():
            served[name] = table

    expected = at_once(known)
    assert compiler.gateway.tables == expected.gateway.tables
    assert {name: table for name, table in served.items() if table} == expected.gateway.tables
    assert compiler.gateway.pools == expected.gateway.pools
    assert compiler.gateway.providers == expected.gateway.providers
    assert compiler.gateway.keys == expected.gateway.keys
    assert compiler.gateway.provider_keys == expected.gateway.provider_keys
    assert {f"{ns}/{name}": found for (ns, name), found in compiler.policies.items()} == expected.policies


def test_a_change_compiles_what_it_touches_and_nothing_else() -> None:
    compiler = Compiler(SETTING)
    for name in "abc":
        compiler.put_fleet("models", name, objects.fleet(name))
    compiler.put_policy("models", "chat", objects.policy(objects.rule(objects.to("a"))))
    compiler.compile()

    compiler.put_fleet("models", "b", objects.fleet("b", engine={"maxNumSeqs": 8}))
    difference = compiler.compile()

    assert set(difference.pools) == {"models/b"}
    assert (difference.tables, difference.policies) == ({}, set())


def test_a_rotated_key_changes_keys_alone() -> None:
    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "a", objects.fleet("a"))
    compiler.put_secret("models", "clients", objects.secret())
    compiler.compile()

    compiler.put_secret("models", "clients", objects.secret(ada="sk-another-key-of-ada"))
    difference = compiler.compile()

    assert difference.keys
    assert (difference.tables, difference.pools) == ({}, {})


def test_nothing_is_missing_where_secrets_cannot_be_read() -> None:
    external = objects.outside(apiKeySecretRef={"name": "openai"})
    compiler = Compiler(SETTING)
    compiler.put_policy("models", "chat", objects.policy(objects.rule(external)))
    compiler.put_policy("models", "keys", objects.policy(name="keys", models=["keys"], auth={"apiKeys": {}}))
    compiler.put_fleet("models", "llama", objects.fleet())
    compiler.set_unread({"models"})
    compiler.compile()
    during = dict(compiler.policies)
    compiler.set_unread(set())
    compiler.compile()

    assert [told(during[key]) for key in during] == [{"SecretsUnread"}] * 2
    assert [told(compiler.policies[key]) for key in during] == [{"RefNotFound"}] * 2
    assert during["models", "chat"].providers


def told(lowered: LoweredPolicy) -> set[str]:
    return {problem.reason for problem in lowered.problems}


def test_an_object_that_cannot_be_compiled_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(fleet: ModelDeployment, *rest: Any) -> Pool:
        if fleet.metadata.name == "bad":
            raise RuntimeError("a defect")
        return pool_of(fleet, *rest)

    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "bad", objects.fleet("bad"))
    compiler.compile()
    monkeypatch.setattr(compiler_module, "pool_of", defective)
    compiler.put_fleet("models", "bad", objects.fleet("bad", engine={"maxNumSeqs": 8}))
    compiler.put_fleet("models", "good", objects.fleet("good"))

    assert set(compiler.compile().pools) == {"models/good"}
    assert set(compiler.pools) == {"models/bad", "models/good"}
