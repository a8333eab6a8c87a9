"""What the operator did not see is not overwritten, and not ended."""

from typing import Any

import pytest
from tests.controller.reconcile.objects import cache, child, fleet
from tests.controller.reconcile.world import KEY, World, reconciler

from modelfleet.controller.cluster.errors import Conflict, NotFound
from modelfleet.controller.cluster.resources import DEPLOYMENTS, PODS, SERVICES, Json, Resource
from modelfleet.controller.reconcile.apply import Applier
from modelfleet.controller.watched import FLEETS


class Blind(World):
    """A world in which objects appear between a look and a write."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """Find nothing."""
        raise NotFound(f"there is no {resource.plural} {name}")


@pytest.mark.parametrize("resource", [SERVICES, DEPLOYMENTS])
async def test_what_appears_between_the_look_and_the_write_is_not_taken_over(resource: Resource) -> None:
    world = Blind()
    world.put(FLEETS, fleet())
    foreign: Json = {"kind": resource.kind, "metadata": {"name": "llama", "namespace": "models"}, "spec": {"mine": 1}}
    world.objects[resource.plural, "llama"] = foreign

    with pytest.raises(Conflict):
        await reconciler(world, None).reconcile(KEY)

    assert world.objects[resource.plural, "llama"] == foreign


async def test_a_going_pod_that_has_started_since_it_was_seen_is_not_ended() -> None:
    world = World(cache=cache())
    pod: dict[str, Any] = child("llama-1", status={"containerStatuses": [{"name": "engine", "state": {"running": {}}}]})
    pod["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 140}
    seen = world.put(PODS, pod)
    world.put(PODS, seen)

    await Applier(world, world).end_loading_pods([seen])  # type: ignore[arg-type]  # it reads as a Cluster does

    assert (world.writes, ("pods", "llama-1") in world.objects) == ([], True)
