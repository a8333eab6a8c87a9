"""
A cluster in memory, for reconciles: it keeps what is applied, says who owns the size, and remembers every write.

It knows nothing of schemas and conflicts; those are tested against a real API server.
"""

import copy
import itertools
from dataclasses import dataclass, field
from typing import Any

from tests.controller.reconcile.objects import cache, claims
from tests.workload.fleets import setting

from modelfleet.controller.claims import ClaimIndex
from modelfleet.controller.cluster.errors import ClusterError, Conflict, NotFound
from modelfleet.controller.cluster.resources import DEPLOYMENTS, Json, Resource
from modelfleet.controller.reconcile.reconciler import FleetReconciler
from modelfleet.controller.reconcile.report import Reporter
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watched import FLEETS, Key, Subject
from modelfleet.workload.plan import Setting

Name = tuple[str, str]


@dataclass
class World:
    """Objects by plural and name; the operator's cache sees every change at once."""

    cache: Cache = field(default_factory=cache)
    claims: ClaimIndex = field(default_factory=claims)
    objects: dict[Name, Json] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    conflicts: int = 0
    """conflicts is how many writes of a size are overtaken first."""
    refusal: ClusterError | None = None
    """refusal answers every apply of a child."""
    refused: frozenset[str] = frozenset()
    """refused are the kinds that *refusal* is about; all of them where none is named."""
    logs: str = ""
    versions: "itertools.count[int]" = field(default_factory=lambda: itertools.count(100))

    def put(self, resource: Resource, obj: Json) -> Json:
        """Store *obj* as the next version, and let the operator see it."""
        meta = obj["metadata"] | {"resourceVersion": str(next(self.versions))}
        stored = obj | {"metadata": {"uid": f"uid-{resource.plural}-{meta['name']}"} | meta}
        self.objects[resource.plural, meta["name"]] = stored
        self.cache.observe(resource, "MODIFIED", stored)
        if resource == FLEETS:
            self.claims.learn(stored)
        return stored

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """Return an object, or raise NotFound."""
        found = self.objects.get((resource.plural, name))
        if found is None:
            raise NotFound(f"there is no {resource.plural} {name}")
        return found

    async def apply(
        self, resource: Resource, obj: Json, *, manager: str, subresource: str | None = None, force: bool = True
    ) -> Json:
        """Merge *obj* into what there is, or set a size."""
        if not force and (resource.plural, obj["metadata"]["name"]) in self.objects:
            raise Conflict("others own it")
        self.writes.append(f"{obj['kind']} by {manager}")
        if subresource == "scale":
            return self._scale(obj, manager)
        if self.refusal and (not self.refused or obj["kind"] in self.refused):
            raise self.refusal
        before = self.objects.get((resource.plural, obj["metadata"]["name"]), {"metadata": {}})
        merged = merge(before, obj)
        if resource == DEPLOYMENTS:
            merged["metadata"]["managedFields"] = _owners(before, manager, owns="replicas" in obj["spec"])
            merged["metadata"].setdefault("generation", 1)
        return self.put(resource, merged)

    async def patch_status(self, resource: Resource, obj: Json, status: Json) -> None:
        """Merge *status* into that of *obj*."""
        self.writes.append(f"status of {resource.kind}")
        stored = self.objects[resource.plural, obj["metadata"]["name"]]
        self.put(resource, merge(stored, {"status": status}))

    async def delete(
        self, resource: Resource, obj: Json, *, grace_period_seconds: int | None = None, unchanged: bool = False
    ) -> None:
        """Remove *obj*."""
        stored = self.objects[resource.plural, obj["metadata"]["name"]]
        if unchanged and stored["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise Conflict("it has changed")
        within = "" if grace_period_seconds is None else f" within {grace_period_seconds} s"
        self.writes.append(f"no {resource.kind} {obj['metadata']['name']}{within}")
        gone = self.objects.pop((resource.plural, obj["metadata"]["name"]))
        self.cache.observe(resource, "DELETED", gone)

    async def pod_log_tail(self, namespace: str, name: str, container: str, *, lines: int, previous: bool) -> str:
        """Return the log of every pod."""
        self.events.append(f"log of {name}, {'before' if previous else 'now'}")
        return self.logs

    def record(self, regarding: Json, *, reason: str, note: str, action: str, warning: bool = False) -> None:
        """Remember an Event."""
        self.events.append(f"{'Warning' if warning else 'Normal'} {reason}")

    def _scale(self, obj: Json, manager: str) -> Json:
        name = obj["metadata"]["name"]
        live = self.objects[DEPLOYMENTS.plural, name]
        if self.conflicts:
            self.conflicts -= 1
            self.put(DEPLOYMENTS, live)
            raise Conflict("the object has been modified")
        entries = [entry for entry in live["metadata"]["managedFields"] if entry["manager"] != manager]
        meta = live["metadata"] | {"managedFields": [*entries, owner(manager)]}
        self.put(DEPLOYMENTS, live | {"metadata": meta, "spec": live["spec"] | {"replicas": obj["spec"]["replicas"]}})
        return obj


def owner(manager: str) -> Json:
    """Return the managed fields of who owns the size."""
    return {"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}


def _owners(before: Json, manager: str, *, owns: bool) -> list[Json]:
    entries = before["metadata"].get("managedFields") or []
    return [entry for entry in entries if entry["manager"] != manager] + ([owner(manager)] if owns else [])


def merge(target: Any, change: Any) -> Any:
    """Return *target* with the objects of *change* merged into its own, and nulls taken away."""
    if not isinstance(change, dict) or not isinstance(target, dict):
        return copy.deepcopy(change)
    merged = target | {key: merge(target.get(key), value) for key, value in change.items() if value is not None}
    return {key: value for key, value in merged.items() if change.get(key, value) is not None}


def reconciler(world: World, clock: Any, surrounding: Setting | None = None) -> FleetReconciler:
    """Return a reconciler whose cluster is *world*."""
    reporter = Reporter(world, world)  # type: ignore[arg-type]  # it records as a Recorder does
    return FleetReconciler(
        cache=world.cache,
        claims=world.claims,
        cluster=world,  # type: ignore[arg-type]  # it reads as a Cluster does
        writer=world,
        reporter=reporter,
        setting=lambda: surrounding or setting(),
        clock=clock,
    )


KEY = Key(Subject.FLEET, "models", "llama")
