"""A status that another version wrote is written anew, and no reason to refuse what the user wrote."""

from datetime import UTC, datetime

from tests.controller.reconcile.objects import cached, claims, fleet, policy
from tests.controller.reconcile.world import KEY, World, reconciler

from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.reconcile.gather import gather, policies
from modelfleet.controller.watched import FLEETS

NOW = datetime(2026, 1, 2, tzinfo=UTC)
UNREADABLE: Json = {"conditions": [{"type": "Ready", "status": "Perhaps", "reason": "Later"}], "replicas": "some"}


def test_the_spec_is_read_whatever_the_status_says() -> None:
    raw = fleet(status=UNREADABLE)

    found = gather(cached(raw), claims(raw), KEY)

    assert found is not None
    assert found.fleet is not None
    assert (found.invalid, found.status.replicas) == ("", None)


def test_a_policy_stays_in_force_whatever_its_status_says() -> None:
    raw = policy("caching", "llama") | {"status": UNREADABLE}

    assert [found.metadata.name for found in policies(cached(raw), "models")] == ["caching"]


async def test_it_is_replaced() -> None:
    world = World()
    world.put(FLEETS, fleet(status=UNREADABLE))

    await reconciler(world, lambda: NOW).reconcile(KEY)

    written = world.objects["modeldeployments", "llama"]["status"]
    assert (written["replicas"], written["conditions"][0]["status"]) == (0, "False")
