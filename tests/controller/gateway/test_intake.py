"""What comes from the cluster is taken in once, as it is now, and what cannot be read keeps its place."""

from typing import Any

import pytest
from tests.controller.gateway.histories import SETTING
from tests.gateway import objects

from modelfleet.controller.cluster.resources import ENDPOINTSLICES, PODS, Json, Resource
from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.controller.gateway.intake import INPUTS, Intake, secrets_input
from modelfleet.controller.gateway.vector import Vector
from modelfleet.controller.watch.cache import DELETED, MODIFIED
from modelfleet.controller.watched import FLEETS, POLICIES, ROUTE_POLICIES


class Given:
    """An intake with what it feeds."""

    def __init__(self) -> None:
        self.compiler = Compiler(SETTING)
        self.vector = Vector([*map(str, INPUTS), secrets_input("models")])
        self.wakes = 0
        self.intake = Intake(self.compiler, self.vector, wake=self._wake)

    def _wake(self) -> None:
        self.wakes += 1

    def see(self, resource: Resource, obj: Json, event: str = MODIFIED) -> None:
        """Take in a change."""
        self.intake.observe(resource, event, obj)

    def models(self) -> dict[str, tuple[str, ...]]:
        """Return the names of each table."""
        self.compiler.compile()
        return {name: table.models for name, table in self.compiler.tables.items()}


@pytest.fixture
def given() -> Given:
    return Given()


def stored(kind: Resource, name: str, version: int, generation: int = 1, **spec: Any) -> Json:
    meta = {"name": name, "namespace": "models", "resourceVersion": str(version), "generation": generation}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec}


def fleet(name: str, version: int, **model: Any) -> Json:
    return stored(
        FLEETS,
        name,
        version,
        model={"source": objects.SOURCE, **model},
        hardware={"accelerator": "nvidia-h100-80gb"},
    )


def policy(version: int, generation: int, *models: str, **spec: Any) -> Json:
    rules = [{"name": "all", "backends": [{"modelDeployment": "a"}]}]
    return stored(ROUTE_POLICIES, "chat", version, generation, models=list(models), **{"rules": rules, **spec})


def piece(version: int, fleet: str) -> Json:
    labels = {"kubernetes.io/service-name": fleet}
    return {"metadata": {"name": "a-1", "namespace": "models", "resourceVersion": str(version), "labels": labels}}


def test_an_object_told_again_is_not_taken_in_again(given: Given) -> None:
    given.see(FLEETS, fleet("a", 5))
    given.models()
    given.see(FLEETS, fleet("a", 5))

    assert given.wakes == 1
    assert given.compiler.compile().pools == {}


def test_an_older_version_told_late_takes_nothing_back(given: Given) -> None:
    given.see(FLEETS, fleet("a", 6, servedNames=["new"]))
    given.see(FLEETS, fleet("a", 5, servedNames=["old"]))

    assert given.models() == {"fleet/models/a": ("models/a", "new")}


def test_a_slice_that_changes_its_fleet_counts_for_both(given: Given) -> None:
    given.see(ENDPOINTSLICES, piece(5, "a"))
    given.intake.endpoints.clear()

    given.see(ENDPOINTSLICES, piece(6, "b"))
    given.see(ENDPOINTSLICES, piece(5, "a"))

    assert given.intake.endpoints == {("models", "a"), ("models", "b")}


def test_what_is_gone_may_come_again(given: Given) -> None:
    given.see(FLEETS, fleet("a", 5))
    given.see(FLEETS, fleet("a", 5), DELETED)
    gone = given.models()
    given.see(FLEETS, fleet("a", 9))

    assert gone == {}
    assert given.models() == {"fleet/models/a": ("a", "models/a")}


def test_a_policy_that_cannot_be_read_keeps_what_its_last_good_version_made(given: Given) -> None:
    given.see(FLEETS, fleet("a", 5))
    given.see(ROUTE_POLICIES, policy(6, 1, "chat"))
    given.models()
    given.see(ROUTE_POLICIES, policy(7, 2, "chat", rules="none"))

    assert given.models()["policy/models/chat"] == ("chat",)
    assert "rules" in given.intake.unreadable["models", "chat"]

    given.see(ROUTE_POLICIES, policy(8, 3, "talk"))

    assert given.models()["policy/models/chat"] == ("talk",)
    assert given.intake.unreadable == {}
    assert given.intake.generations["models", "chat"] == 3


def test_one_fleet_that_cannot_be_read_harms_no_other(given: Given) -> None:
    given.see(FLEETS, stored(FLEETS, "bad", 5, model=7))
    given.see(FLEETS, fleet("a", 6))

    assert given.models() == {"fleet/models/a": ("a", "models/a")}


def test_a_deleted_policy_leaves_nothing(given: Given) -> None:
    given.see(ROUTE_POLICIES, policy(6, 1, "chat", rules="none"))
    given.see(ROUTE_POLICIES, policy(7, 1, "chat"), DELETED)

    assert (given.intake.unreadable, given.intake.generations) == ({}, {})


def test_the_state_is_the_newest_version_of_each_kind(given: Given) -> None:
    given.see(FLEETS, fleet("a", 5))
    given.see(POLICIES, stored(POLICIES, "warm", 7, targetRefs=[{"name": "a"}], affinity={"key": "User"}))
    given.see(PODS, {"metadata": {"resourceVersion": "99"}})
    given.intake.secret(
        MODIFIED, objects.secret() | {"metadata": {**objects.secret()["metadata"], "resourceVersion": "8"}}
    )

    assert given.vector.now() == (5, 0, 7, 0, 8)
