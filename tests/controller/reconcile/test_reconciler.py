"""One pass brings a fleet to what its spec says; the next writes nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.controller.reconcile.objects import child, fleet
from tests.controller.reconcile.world import KEY, World, owner, reconciler
from tests.workload.fleets import setting

from modelfleet.controller.cluster.errors import Conflict, Forbidden, Invalid
from modelfleet.controller.cluster.resources import (
    DEPLOYMENTS,
    NETWORKPOLICIES,
    PERSISTENTVOLUMECLAIMS,
    PODS,
    SERVICES,
    Json,
)
from modelfleet.controller.watched import FLEETS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREATED = [
    "ServiceAccount by modelfleet",
    "NetworkPolicy by modelfleet",
    "Service by modelfleet",
    "PodDisruptionBudget by modelfleet",
    "Deployment by modelfleet",
    "Scale by modelfleet-scale",
    "PodMonitor by modelfleet",
]
STATUS = ["status of ModelDeployment"]


async def passes(world: World, count: int = 1, **platform: Any) -> float | None:
    """Run *count* passes and return when the last wants to come again; forget the writes of the others."""
    again = None
    one = reconciler(world, lambda: NOW, setting(**platform))
    for _ in range(count):
        world.writes.clear()
        again = await one.reconcile(KEY)
    return again


def conditions(world: World) -> dict[str, tuple[str, str]]:
    found = world.objects["modeldeployments", "llama"]["status"]["conditions"]
    return {condition["type"]: (condition["status"], condition["reason"]) for condition in found}


async def settled(**spec: Any) -> World:
    """Return a world with a fleet at which nothing is left to do."""
    world = World()
    world.put(FLEETS, fleet(**spec))
    await passes(world, 3)

    assert world.writes == []

    return world


async def test_a_new_fleet_is_created_in_order_sized_and_reported() -> None:
    world = World()
    world.put(FLEETS, fleet(replicas=3))

    await passes(world)

    assert world.writes == CREATED + STATUS
    assert world.objects["deployments", "llama"]["spec"]["replicas"] == 3


async def test_the_size_is_handed_over_and_left_out_only_then() -> None:
    world = World()
    world.put(FLEETS, fleet(replicas=3))
    await passes(world)
    before = world.objects["deployments", "llama"]["metadata"]["managedFields"]

    await passes(world)
    after = world.objects["deployments", "llama"]["metadata"]["managedFields"]

    assert before == [owner("modelfleet"), owner("modelfleet-scale")]
    assert after == [owner("modelfleet-scale")]
    assert world.objects["deployments", "llama"]["spec"]["replicas"] == 3


async def test_nothing_changed_writes_nothing() -> None:
    world = await settled(replicas=2)

    assert await passes(world, 2) is None
    assert world.writes == []


@pytest.mark.parametrize(
    ("change", "writes"),
    [
        pytest.param({"replicas": 5}, ["Scale by modelfleet-scale"], id="its size"),
        pytest.param({"engine": {"maxModelLen": 4096}}, ["Deployment by modelfleet"], id="its pods"),
        pytest.param({"suspend": True, "replicas": 5}, [], id="suspended"),
        pytest.param({"engine": {"tensorParallelSize": 3}, "replicas": 5}, [], id="refused"),
        pytest.param({"replicas": -1}, [], id="unreadable"),
    ],
)
async def test_a_change_writes_what_it_changes(change: dict[str, Any], writes: list[str]) -> None:
    world = await settled(replicas=2)
    world.put(FLEETS, merged_spec(world, change))

    await passes(world)

    assert world.writes == writes + STATUS


async def test_a_refused_fleet_keeps_everything() -> None:
    world = await settled(weights={"cache": {"claim": {"size": "1Ti", "deletionPolicy": "Delete"}}})
    before = {key: obj for key, obj in world.objects.items() if key[0] != "modeldeployments"}
    world.put(FLEETS, merged_spec(world, {"weights": {}, "hardware": {"accelerator": "abacus"}}))

    await passes(world, 2)

    assert {key: obj for key, obj in world.objects.items() if key[0] != "modeldeployments"} == before
    assert conditions(world)["Accepted"] == conditions(world)["Ready"] == ("False", "UnknownAccelerator")


async def test_what_is_no_longer_asked_for_is_deleted() -> None:
    world = await settled()

    await passes(world, network={"enabled": False})

    assert "no NetworkPolicy llama" in world.writes
    assert ("networkpolicies", "llama") not in world.objects


async def test_a_child_that_was_deleted_or_edited_is_brought_back() -> None:
    world = await settled()
    service = world.objects["services", "llama"]
    world.put(SERVICES, service | {"spec": service["spec"] | {"selector": {"other": "pods"}}})
    await world.delete(NETWORKPOLICIES, world.objects["networkpolicies", "llama"])

    await passes(world)

    assert world.writes == ["NetworkPolicy by modelfleet", "Service by modelfleet"]


async def test_a_claim_that_somebody_let_grow_is_left_as_it_is() -> None:
    world = await settled(weights={"cache": {"claim": {"size": "1Ti"}}})
    claim = world.objects["persistentvolumeclaims", "llama-cache"]
    grown = claim["spec"] | {"resources": {"requests": {"storage": "2Ti"}}}
    world.put(PERSISTENTVOLUMECLAIMS, claim | {"spec": grown})

    await passes(world)

    assert world.writes == []


async def test_a_foreign_object_of_a_childs_name_is_left_alone_and_named() -> None:
    world = World()
    world.put(FLEETS, fleet())
    foreign = {"kind": "Service", "metadata": {"name": "llama", "namespace": "models"}, "spec": {"ports": []}}
    world.objects["services", "llama"] = foreign

    again = await passes(world)

    assert world.writes == STATUS
    assert (conditions(world)["Accepted"], again is not None) == (("False", "NameTaken"), True)


@pytest.mark.parametrize(
    ("error", "comes_again"),
    [pytest.param(Invalid("too long"), False, id="its content"), pytest.param(Forbidden("quota"), True, id="a right")],
)
async def test_a_child_that_the_server_refuses_is_reported_in_its_words(
    error: Invalid | Forbidden, *, comes_again: bool
) -> None:
    world = World(refusal=error)
    world.put(FLEETS, fleet())

    again = await passes(world)

    assert (conditions(world)["Accepted"], again is not None) == (("False", "ChildRefused"), comes_again)


@pytest.mark.parametrize(("conflicts", "replicas"), [(1, 5), (4, 5)])
async def test_a_size_that_was_overtaken_is_set_on_the_latest(conflicts: int, replicas: int) -> None:
    world = await settled(replicas=2)
    world.put(FLEETS, merged_spec(world, {"replicas": replicas}))
    world.conflicts = conflicts

    await passes(world)

    assert world.objects["deployments", "llama"]["spec"]["replicas"] == replicas


async def test_a_size_that_is_always_overtaken_is_tried_again_later() -> None:
    world = await settled(replicas=2)
    world.put(FLEETS, merged_spec(world, {"replicas": 5}))
    world.conflicts = 99

    with pytest.raises(Conflict, match="keeps changing"):
        await passes(world)


async def test_a_foreign_scaler_is_reported_and_not_fought() -> None:
    world = await settled(replicas=2)
    scaled_by(world, "hpa", 7)

    await passes(world)
    first = list(world.writes)
    await passes(world)

    assert (first, world.writes) == (["Scale by modelfleet-scale", *STATUS], [])
    assert world.objects["deployments", "llama"]["spec"]["replicas"] == 7
    assert conditions(world)["AbleToScale"] == ("False", "ForeignScaler")


async def test_an_operators_change_waits_for_a_free_turn_and_takes_it() -> None:
    world = await settled()
    live = world.objects["deployments", "llama"]
    older = live["metadata"]["annotations"] | {"modelfleet.dev/template-hash": "older"}
    world.put(DEPLOYMENTS, live | {"metadata": live["metadata"] | {"annotations": older}})

    again = await passes(world, rollouts={"maxConcurrentOperatorChanges": 0})
    held = list(world.writes), conditions(world)["Progressing"]
    await passes(world)

    assert (again, held) == (15.0, (STATUS, ("True", "Loading")))
    assert "Deployment by modelfleet" in world.writes
    assert world.objects["deployments", "llama"]["metadata"]["annotations"]["modelfleet.dev/operator-change"] == "0"


async def test_a_fleet_that_is_gone_or_going_is_left_to_the_garbage_collector() -> None:
    gone, going = World(), World()
    obj = fleet()
    obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    going.put(FLEETS, obj)

    await passes(gone)
    await passes(going)

    assert (gone.writes, going.writes) == ([], [])


@pytest.mark.parametrize(
    ("meta", "state", "ended"),
    [
        pytest.param({}, {"state": {"running": {}}}, False, id="it stays"),
        pytest.param({"grace": 140}, {"state": {"running": {}}}, True, id="it goes while it loads"),
        pytest.param({"grace": 5}, {"state": {"running": {}}}, False, id="it was told already"),
        pytest.param({"grace": 140}, {"state": {"running": {}}, "started": True}, False, id="it drains"),
        pytest.param({"grace": 140}, {"state": {"waiting": {}}}, False, id="it never ran"),
        pytest.param({"grace": 140}, {"state": {"terminated": {}}}, False, id="it has ended"),
    ],
)
async def test_a_pod_that_loads_does_not_keep_its_accelerators(meta: Any, state: Json, *, ended: bool) -> None:
    world = World()
    pod = child("llama-1", status={"containerStatuses": [{"name": "engine"} | state]})
    if meta:
        pod["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": meta["grace"]}
    world.put(PODS, pod)

    await passes(world)

    assert world.writes == (["no Pod llama-1 within 5 s"] if ended else [])


async def test_the_log_of_a_crash_is_read_once_and_quoted() -> None:
    world = await settled()
    world.logs = "ValueError: no such thing\nRuntimeError: Engine core initialization failed. See root cause above."
    crash = {"name": "engine", "restartCount": 2, "lastState": {"terminated": {"exitCode": 0}}}
    world.put(PODS, child("llama-1", status={"containerStatuses": [crash]}))
    one = reconciler(world, lambda: NOW)
    world.events.clear()

    await one.reconcile(KEY)
    await one.reconcile(KEY)

    ready = world.objects["modeldeployments", "llama"]["status"]["conditions"][0]
    assert world.events == ["log of llama-1, before", "Warning CrashLoop"]
    assert ready["message"].endswith("it said: ValueError: no such thing")


def merged_spec(world: World, change: dict[str, Any]) -> Json:
    """Return the fleet of *world* as its user changes it."""
    obj = world.objects["modeldeployments", "llama"]
    meta = obj["metadata"] | {"generation": obj["metadata"]["generation"] + 1}
    return obj | {"metadata": meta, "spec": obj["spec"] | change}


def scaled_by(world: World, manager: str, replicas: int) -> None:
    """Let somebody else set the size of the Deployment."""
    live = world.objects["deployments", "llama"]
    meta = live["metadata"] | {"managedFields": [owner(manager)]}
    world.put(DEPLOYMENTS, live | {"metadata": meta, "spec": live["spec"] | {"replicas": replicas}})
