"""A CachePolicy is told whether it is in force, once."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.controller.reconcile.objects import fleet, policy
from tests.controller.reconcile.world import World

from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.reconcile.policies import PolicyReconciler
from modelfleet.controller.reconcile.report import Reporter
from modelfleet.controller.watched import FLEETS, POLICIES, Key, Subject

KEY = Key(Subject.POLICY, "models", "caching")


async def reconciled(world: World) -> dict[str, tuple[str, str]]:
    """Run one pass and return the conditions of the policy."""
    world.writes.clear()
    reporter = Reporter(world, world)  # type: ignore[arg-type]  # it records as a Recorder does
    await PolicyReconciler(world.cache, reporter, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)).reconcile(KEY)
    found = world.objects["cachepolicies", "caching"].get("status", {}).get("conditions", ())
    return {condition["type"]: (condition["status"], condition["reason"]) for condition in found}


def world_of(*objects: Json) -> World:
    world = World()
    for obj in objects:
        world.put(FLEETS if obj["kind"] == "ModelDeployment" else POLICIES, obj)
    return world


@pytest.mark.parametrize(
    ("others", "targets", "ready"),
    [
        pytest.param((fleet(),), ("llama",), ("True", "Accepted"), id="in force"),
        pytest.param((), ("llama",), ("False", "TargetNotFound"), id="no such fleet"),
        pytest.param(
            (fleet(), policy("older", "llama", created="2025-01-01T00:00:00Z")),
            ("llama",),
            ("False", "Conflict"),
            id="an older policy",
        ),
        pytest.param(
            (fleet(), policy("elsewhere", "llama", namespace="other", created="2025-01-01T00:00:00Z")),
            ("llama",),
            ("True", "Accepted"),
            id="a policy of another namespace",
        ),
    ],
)
async def test_what_a_policy_is_told(others: Any, targets: tuple[str, ...], ready: tuple[str, str]) -> None:
    world = world_of(*others, policy("caching", *targets))

    first = await reconciled(world)
    wrote = list(world.writes)
    await reconciled(world)

    assert (first["Ready"], wrote, world.writes) == (ready, ["status of CachePolicy"], [])


async def test_a_policy_that_cannot_be_read_is_told_why() -> None:
    broken = policy("caching", "llama")
    broken["spec"]["engine"] = {}
    world = world_of(fleet(), broken)

    conditions = await reconciled(world)

    assert conditions["Ready"] == conditions["Accepted"] == ("False", "InvalidSpec")


async def test_a_policy_that_is_going_is_left_alone() -> None:
    going = policy("caching", "llama")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    world = world_of(going)

    assert await reconciled(world) == {}
    assert world.writes == []
