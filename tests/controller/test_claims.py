"""A change of one fleet finds its rivals for a name, and nobody else."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.controller.reconcile.objects import claims, fleet

from modelfleet.controller.claims import Claimant, ClaimIndex, claimed_names
from modelfleet.controller.cluster.resources import Json


def served(name: str, *names: str, **rest: Any) -> Json:
    return fleet(name, model={"source": "hf://a/b", "servedNames": list(names)}, **rest)


def ids(*names: str) -> set[Claimant]:
    return {Claimant("models", name) for name in names}


@pytest.mark.parametrize(
    ("model", "names"),
    [
        pytest.param({}, {"models/llama", "llama"}, id="its own name"),
        pytest.param({"servedNames": []}, {"models/llama", "llama"}, id="an empty list is absent"),
        pytest.param({"servedNames": ["chat", "x"]}, {"models/llama", "chat", "x"}, id="served names"),
        pytest.param(
            {"adapters": [{"name": "sql", "source": "hf://a/b"}]}, {"models/llama", "llama", "sql"}, id="adapters"
        ),
    ],
)
def test_what_a_fleet_claims(model: dict[str, Any], names: set[str]) -> None:
    assert claimed_names(fleet(model={"source": "hf://a/b"} | model)) == names


def test_a_fleet_without_a_model_claims_its_name() -> None:
    assert claimed_names(fleet() | {"spec": {}}) == {"models/llama", "llama"}


@pytest.mark.parametrize(
    ("before", "after", "affected"),
    [
        pytest.param(None, served("new", "chat"), ids("a", "b"), id="it comes"),
        pytest.param(served("new", "chat"), served("new", "chat"), set(), id="nothing changed"),
        pytest.param(served("new", "other"), served("new", "chat"), ids("a", "b", "c"), id="it takes another name"),
        pytest.param(served("new", "chat"), served("new", "chat", "other"), ids("c"), id="it wants one more"),
        pytest.param(served("new", "chat", "other"), served("new", "chat"), ids("c"), id="it gives one up"),
        pytest.param(served("new", "nobody's"), served("new", "alone"), set(), id="names that nobody wants"),
    ],
)
def test_who_is_affected_by_a_change(before: Json | None, after: Json, affected: set[Claimant]) -> None:
    index = claims(served("a", "chat"), served("b", "chat", "x"), served("c", "other"), *([before] if before else []))

    assert index.learn(after) == affected


def test_those_it_leaves_behind_are_affected_when_it_goes() -> None:
    index = claims(served("a", "chat"), served("b", "chat"), served("c", "other"))

    assert index.forget(Claimant("models", "a")) == ids("b")
    assert index.forget(Claimant("models", "a")) == set()
    assert (index.knows(Claimant("models", "a")), index.knows(Claimant("models", "b"))) == (False, True)


def test_rivals_are_found_across_namespaces() -> None:
    index = claims(served("a", "chat"), served("a", "chat", namespace="other"), served("c", "other"))

    assert index.rivals(Claimant("models", "a")) == {Claimant("other", "a")}
    assert index.rivals(Claimant("models", "nobody")) == set()


NAMES = st.sets(st.sampled_from("wxyz"), max_size=3)
CHANGES = st.lists(st.tuples(st.sampled_from("abcd"), st.none() | NAMES), max_size=12)


@given(CHANGES)
def test_after_any_history_rivals_are_those_who_share_a_name(changes: list[tuple[str, set[str] | None]]) -> None:
    index = ClaimIndex()
    now: dict[str, frozenset[str]] = {}
    for name, names in changes:
        if names is None:
            now.pop(name, None)
            index.forget(Claimant("models", name))
        else:
            now[name] = claimed_names(served(name, *sorted(names)))
            index.learn(served(name, *sorted(names)))

    assert {name: index.rivals(Claimant("models", name)) for name in "abcd"} == {
        name: ids(*_sharing(now, name)) for name in "abcd"
    }
    assert set(index._claimants) == {claim for names in now.values() for claim in names}


def _sharing(now: dict[str, frozenset[str]], name: str) -> Iterable[str]:
    return (other for other, names in now.items() if other != name and names & now.get(name, frozenset()))
