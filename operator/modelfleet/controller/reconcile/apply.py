"""Apply: the few writes that bring the cluster from what is to what shall be."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence

from modelfleet.api.names import APPLIED_HASH_ANNOTATION, FIELD_MANAGER, SCALE_MANAGER
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound
from modelfleet.controller.cluster.resources import (
    DEPLOYMENTS,
    PERSISTENTVOLUMECLAIMS,
    PODMONITORS,
    PODS,
    Json,
    Resource,
)
from modelfleet.controller.reconcile.writer import Writer
from modelfleet.workload.children.claim import as_grown
from modelfleet.workload.drift import agrees
from modelfleet.workload.ownership import belongs_to, is_owned
from modelfleet.workload.plan import digest
from modelfleet.workload.scale import is_handed_over, owners_of_replicas
from modelfleet.workload.status.failures import engine_of

Children = Mapping[tuple[Resource, str], Json]

SCALE_ATTEMPTS = 5
LOADING_GRACE_SECONDS = 5
DISPENSABLE = frozenset({PODMONITORS})
"""Children without which a fleet serves as well; their kinds belong to others, who may remove or guard them."""


class NameTakenError(Exception):
    """An object that does not belong to the fleet has the name of one of its children; it is left alone."""


class Applier:
    """Writes the children of fleets, each only when it must be."""

    def __init__(self, cluster: Cluster, writer: Writer) -> None:
        self._cluster = cluster
        self._writer = writer

    async def apply(
        self, fleet: Json, wanted: Sequence[tuple[Resource, Json]], live: Children, *, replicas: int | None
    ) -> ClusterError | None:
        """
        Apply *wanted* where *live* differs, and the size, unless *replicas* is None.

        Return why a dispensable child was refused, if one was. Raises `NameTakenError` before anything is written, and
        `Invalid` or `Forbidden` when the API server refuses another child.
        """
        if not wanted and replicas is None:
            return None
        known = await self._known(fleet, wanted, live)
        parts = [(resource, child) for resource, child in wanted if resource not in DISPENSABLE | {DEPLOYMENTS}]
        for resource, child in parts:  # one at a time: many new fleets are slower when each sends many writes at once
            await self._apply_child(resource, child, known)
        deployment = next((child for resource, child in wanted if resource == DEPLOYMENTS), None)
        existing = known.get((DEPLOYMENTS, fleet["metadata"]["name"]))
        if deployment is not None:
            await self._apply_deployment(deployment, existing, replicas=replicas)
        elif existing is not None and replicas is not None:
            await self._scale(existing, replicas)
        return await self._apply_dispensable([part for part in wanted if part[0] in DISPENSABLE], known)

    async def _apply_dispensable(self, parts: Sequence[tuple[Resource, Json]], known: Children) -> ClusterError | None:
        try:
            for resource, child in parts:
                await self._apply_child(resource, child, known)
        except (Forbidden, Invalid, NotFound) as error:
            return error
        return None

    async def prune(self, fleet: Json, wanted: Sequence[tuple[Resource, Json]], live: Children) -> None:
        """Delete the children that the fleet owns and no longer asks for."""
        kept = {_key(resource, child) for resource, child in wanted}
        for key, child in live.items():
            is_going = "deletionTimestamp" in child["metadata"]
            if key not in kept and not is_going and is_owned(child, fleet["metadata"]["uid"]):
                await self._writer.delete(key[0], child)

    async def end_loading_pods(self, pods: Collection[Json]) -> None:
        """
        Delete pods again that were deleted while they loaded: a loading vLLM ignores the first SIGTERM.

        One that has changed since it was seen may have started, and is left to the pass that its change asks for.
        """
        for pod in filter(ignores_sigterm, pods):
            with contextlib.suppress(Conflict):
                await self._writer.delete(PODS, pod, grace_period_seconds=LOADING_GRACE_SECONDS, unchanged=True)

    async def _known(self, fleet: Json, wanted: Sequence[tuple[Resource, Json]], live: Children) -> Children:
        """
        Return what exists under the names of *wanted* and of the Deployment; all of it must belong to the fleet.

        What has lost its labels, or never had them, is not in *live* and is looked for by name.
        """
        missing = [(resource, child) for resource, child in wanted if _key(resource, child) not in live]
        found = await asyncio.gather(*(self._find(resource, child) for resource, child in missing))
        names = {_key(resource, child) for resource, child in wanted} | {(DEPLOYMENTS, fleet["metadata"]["name"])}
        known = {key: child for key, child in live.items() if key in names}
        known |= {_key(*child): obj for child, obj in zip(missing, found, strict=True) if obj is not None}
        for obj in known.values():
            _refuse_foreign(obj, fleet)
        return known

    async def _find(self, resource: Resource, child: Json) -> Json | None:
        try:
            return await self._cluster.get(resource, child["metadata"]["namespace"], child["metadata"]["name"])
        except NotFound:
            return None
        except Forbidden:
            if resource in DISPENSABLE:  # so is its apply, which says so
                return None
            raise

    async def _apply_child(self, resource: Resource, wanted: Json, known: Children) -> None:
        live, stamped = known.get(_key(resource, wanted)), _stamped(wanted)
        if live is None:
            await self._create(resource, stamped)
            return
        if resource == PERSISTENTVOLUMECLAIMS:
            stamped = as_grown(stamped, live)
        if not agrees(stamped, live):
            await self._writer.apply(resource, stamped, manager=FIELD_MANAGER)

    async def _create(self, resource: Resource, obj: Json) -> Json:
        """Apply what was not found; without force, since whatever came in between may be anybody's."""
        return await self._writer.apply(resource, obj, manager=FIELD_MANAGER, force=False)

    async def _apply_deployment(self, wanted: Json, live: Json | None, *, replicas: int | None) -> None:
        """
        Apply the Deployment without ever letting `replicas` fall back to its default.

        A new one starts with 0; its size is handed to the scale manager; only then, in the pass that the hand-over
        asks for, is `replicas` left out.
        """
        if live is None:
            stamped = _stamped(wanted)
            live = await self._create(DEPLOYMENTS, stamped | {"spec": stamped["spec"] | {"replicas": 0}})
        if not is_handed_over(live):
            await self._scale(live, replicas)
            return
        if not agrees(_stamped(wanted), live) or FIELD_MANAGER in owners_of_replicas(live):
            live = await self._writer.apply(DEPLOYMENTS, _stamped(wanted), manager=FIELD_MANAGER)
        if replicas is not None:
            await self._scale(live, replicas)

    async def _scale(self, deployment: Json, replicas: int | None) -> None:
        """
        Set the size through `/scale`, at the version it was decided on, or the latest where that is overtaken.

        Where *replicas* is None the size stays, and our manager owns it beside whoever set it.
        """
        for _ in range(SCALE_ATTEMPTS):
            scale = _scale(deployment, deployment["spec"]["replicas"] if replicas is None else replicas)
            try:
                await self._writer.apply(DEPLOYMENTS, scale, manager=SCALE_MANAGER, subresource="scale")
            except Conflict:
                deployment = await self._latest(deployment)
            else:
                return
        raise Conflict(f"the size of {deployment['metadata']['name']} could not be set: the Deployment keeps changing")

    async def _latest(self, deployment: Json) -> Json:
        """Return *deployment* as it is now; one that came in its place may be anybody's."""
        meta = deployment["metadata"]
        latest = await self._cluster.get(DEPLOYMENTS, meta["namespace"], meta["name"])
        if latest["metadata"]["uid"] != meta["uid"]:
            raise Conflict(f"the Deployment {meta['name']} was replaced by another one")
        return latest


def ignores_sigterm(pod: Json) -> bool:
    """Return whether *pod* is going with a long grace period although its engine has not started."""
    meta = pod["metadata"]
    if "deletionTimestamp" not in meta or meta.get("deletionGracePeriodSeconds", 0) <= LOADING_GRACE_SECONDS:
        return False
    engine = engine_of(pod)
    return "running" in (engine.get("state") or {}) and not engine.get("started", False)


def _refuse_foreign(found: Json, fleet: Json) -> None:
    if not belongs_to(found, fleet):
        meta = found["metadata"]
        raise NameTakenError(
            f'The {found["kind"]} "{meta["name"]}" exists and does not belong to this fleet: '
            "rename the fleet, or delete that object."
        )


def _stamped(child: Json) -> Json:
    annotations = (child["metadata"].get("annotations") or {}) | {APPLIED_HASH_ANNOTATION: digest(child)}
    return child | {"metadata": child["metadata"] | {"annotations": annotations}}


def _scale(deployment: Json, replicas: int) -> Json:
    meta = deployment["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion")  # what was not written, only told, lacks the last two
    exact = {key: meta[key] for key in kept if key in meta}
    return {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": exact, "spec": {"replicas": replicas}}


def _key(resource: Resource, child: Json) -> tuple[Resource, str]:
    return resource, child["metadata"]["name"]
