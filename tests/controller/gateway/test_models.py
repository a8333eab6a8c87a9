"""Who may use what is found out once for each caller, until something changes."""

import pytest
from tests.controller.gateway.histories import SETTING
from tests.gateway import objects

from modelfleet.controller.gateway import models
from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.controller.gateway.models import Models
from modelfleet.gateway.request import Caller

ADA = Caller("models/clients", "ada")


def names(listed: Models, caller: Caller | None = ADA) -> list[str]:
    return [each.name for each in listed.models_for(caller)]


def test_a_caller_is_told_of_a_change() -> None:
    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "a", objects.fleet("a"))
    compiler.put_secret("models", "clients", objects.secret())
    compiler.compile()
    listed = Models(compiler)
    before = names(listed), names(listed, None)
    compiler.put_fleet("models", "b", objects.fleet("b"))
    compiler.compile()

    assert before == (["a", "models/a"], [])
    assert names(listed) == ["a", "b", "models/a", "models/b"]


def test_it_is_known_whether_credentials_open_more() -> None:
    compiler = Compiler(SETTING)
    listed = Models(compiler)
    before = listed.has_models_behind_credentials()
    compiler.put_fleet("models", "a", objects.fleet("a"))
    compiler.compile()

    assert not before
    assert listed.has_models_behind_credentials()


def test_a_caller_who_asks_again_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "a", objects.fleet("a"))
    compiler.put_secret("models", "clients", objects.secret())
    compiler.compile()
    listed = Models(compiler)
    names(listed)
    monkeypatch.setattr(models, "models_for", None)

    assert names(listed) == ["a", "models/a"]


def test_it_is_said_whose_a_model_is_and_since_when() -> None:
    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "a", objects.fleet("a", created="2025-01-01T00:00:00Z"))
    compiler.put_secret("models", "clients", objects.secret())
    compiler.compile()
    first = Models(compiler).models_for(ADA)[0]

    assert (first.created, first.owned_by) == (1735689600, "models")
