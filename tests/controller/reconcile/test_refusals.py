"""What the API server refuses is reported where a person sees it, and keeps nothing else from being done."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from tests.controller.reconcile.objects import fleet
from tests.controller.reconcile.world import KEY, World, reconciler

from modelfleet.controller.cluster.errors import ClusterError, Forbidden, Invalid, NotFound, Unavailable
from modelfleet.controller.cluster.resources import SERVICES
from modelfleet.controller.reconcile.lasting import LASTING
from modelfleet.controller.watched import FLEETS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WEBHOOK = Unavailable('failed calling webhook "guard"', status=500)
SILENCE = Unavailable("no answer")


@dataclass
class Clock:
    """A clock that tests put on by hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


def condition(world: World, kind: str) -> tuple[str, str, str] | None:
    found = world.objects["modeldeployments", "llama"].get("status", {}).get("conditions", ())
    return next(((c["status"], c["reason"], c["message"]) for c in found if c["type"] == kind), None)


@pytest.mark.parametrize(
    ("error", "comes_again"),
    [
        pytest.param(Forbidden("no right"), True, id="403"),
        pytest.param(NotFound("no such kind"), True, id="404"),
        pytest.param(Invalid("another schema"), False, id="422"),
    ],
)
async def test_a_fleet_runs_without_the_pod_monitor_that_is_refused(error: ClusterError, *, comes_again: bool) -> None:
    world = World(refusal=error, refused=frozenset({"PodMonitor"}))
    world.put(FLEETS, fleet(replicas=3))

    again = await reconciler(world, lambda: NOW).reconcile(KEY)

    said = condition(world, "Accepted")
    assert world.objects["deployments", "llama"]["spec"]["replicas"] == 3
    assert said is not None
    assert said[:2] == ("True", "ChildRefused")
    assert said[2].endswith(f"Prometheus misses it: {error}")
    assert (again is not None) is comes_again


async def test_a_pod_monitor_that_may_not_be_looked_up_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    world, look_up = World(refusal=Forbidden("no right"), refused=frozenset({"PodMonitor"})), World.get

    async def guarded(self: World, resource: object, namespace: str | None, name: str) -> object:
        if "podmonitors" in str(resource):
            raise Forbidden("no right")
        return await look_up(self, resource, namespace, name)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(World, "get", guarded)
    world.put(FLEETS, fleet(replicas=3))

    await reconciler(world, lambda: NOW).reconcile(KEY)

    assert world.objects["deployments", "llama"]["spec"]["replicas"] == 3


@pytest.mark.parametrize(
    ("error", "later", "told"),
    [
        pytest.param(WEBHOOK, timedelta(0), False, id="just now"),
        pytest.param(WEBHOOK, LASTING, True, id="for long"),
        pytest.param(SILENCE, LASTING, False, id="without an answer"),
    ],
)
async def test_a_failure_is_reported_once_it_lasts(error: ClusterError, later: timedelta, *, told: bool) -> None:
    world, clock = World(refusal=error), Clock()
    world.put(FLEETS, fleet())
    one = reconciler(world, clock)
    with pytest.raises(Unavailable):
        await one.reconcile(KEY)
    clock.now += later
    with pytest.raises(Unavailable):
        await one.reconcile(KEY)

    said = f"Writing has failed for 30 s and is tried again: {error}"
    assert condition(world, "Accepted") == (("False", "ChildRefused", said) if told else None)


async def test_a_failure_that_ended_is_forgotten() -> None:
    world, clock = World(refusal=WEBHOOK), Clock()
    world.put(FLEETS, fleet())
    one = reconciler(world, clock)
    with pytest.raises(Unavailable):
        await one.reconcile(KEY)
    world.refusal = None
    await one.reconcile(KEY)
    clock.now += LASTING
    world.refusal = WEBHOOK
    await world.delete(SERVICES, world.objects["services", "llama"])

    with pytest.raises(Unavailable):
        await one.reconcile(KEY)

    accepted = condition(world, "Accepted")
    assert accepted is not None
    assert accepted[0] == "True"
