"""What nobody asks for any more goes, but not before the pods that may need it."""

from datetime import UTC, datetime
from typing import Any

from tests.controller.reconcile.objects import child, fleet
from tests.controller.reconcile.world import KEY, World, reconciler
from tests.workload.fleets import setting

from modelfleet.controller.cluster.resources import DEPLOYMENTS, SERVICEACCOUNTS
from modelfleet.controller.watched import FLEETS

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FORMER = "llama-of-the-former-release"


async def reconcile(world: World, *, most_operator_changes: int) -> None:
    surrounding = setting(rollouts={"maxConcurrentOperatorChanges": most_operator_changes})
    await reconciler(world, lambda: NOW, surrounding).reconcile(KEY)


async def updated_operator() -> World:
    """Return a fleet of a former release, whose template and account were others."""
    world = World()
    world.put(FLEETS, fleet())
    for _ in range(2):
        await reconcile(world, most_operator_changes=1)
    live: Any = world.objects["deployments", "llama"]
    live["metadata"]["annotations"]["modelfleet.dev/template-hash"] = "former"
    world.put(DEPLOYMENTS, live)
    account = child(FORMER, owner="llama")
    account["metadata"]["ownerReferences"][0]["uid"] = world.objects["modeldeployments", "llama"]["metadata"]["uid"]
    world.put(SERVICEACCOUNTS, account)
    return world


async def test_while_an_operators_change_waits_its_pods_keep_what_they_use() -> None:
    world = await updated_operator()

    await reconcile(world, most_operator_changes=0)
    waiting = ("serviceaccounts", FORMER) in world.objects
    await reconcile(world, most_operator_changes=1)

    assert (waiting, ("serviceaccounts", FORMER) in world.objects) == (True, False)
