"""The only door through which reconciles write; what was written is read back into the cache at once."""

import logging
from typing import Any, Protocol

from modelfleet.api.names import STATUS_MANAGER
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import NotFound
from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.watch.cache import Cache

log = logging.getLogger(__name__)


class Writer(Protocol):
    """The writes of a reconcile; each returns the object as it is afterwards."""

    async def apply(
        self, resource: Resource, obj: Json, *, manager: str, subresource: str | None = None, force: bool = True
    ) -> Json:
        """Apply *obj* on the server's side; without *force*, raise `Conflict` where others own a field otherwise."""

    async def patch_status(self, resource: Resource, obj: Json, status: Json) -> None:
        """Change the status of *obj* by the merge patch *status*."""

    async def delete(
        self, resource: Resource, obj: Json, *, grace_period_seconds: int | None = None, unchanged: bool = False
    ) -> None:
        """
        Delete exactly *obj*, not one of the same name that came later.

        Where it must be *unchanged*, raise `Conflict` when it is no longer as it was seen.
        """


class ClusterWriter:
    """Writes to the cluster."""

    def __init__(self, cluster: Cluster, cache: Cache) -> None:
        self._cluster = cluster
        self._cache = cache

    async def apply(
        self, resource: Resource, obj: Json, *, manager: str, subresource: str | None = None, force: bool = True
    ) -> Json:
        """Apply *obj*, and let the cache know the answer unless it is of another kind, as that of `/scale`."""
        got = await self._cluster.apply(resource, obj, manager=manager, subresource=subresource, force=force)
        if got["kind"] == resource.kind:
            self._cache.observe(resource, "MODIFIED", got, own=True)
        return got

    async def patch_status(self, resource: Resource, obj: Json, status: Json) -> None:
        """
        Patch the status of *obj*, of that uid only; one that is gone meanwhile needs none.

        A merge patch and not an apply: with an older CRD installed, an apply of a field that it lacks is refused
        whole, a patch only loses that field.
        """
        meta = obj["metadata"]
        patch = {"metadata": {"uid": meta["uid"]}, "status": status}
        try:
            got = await self._cluster.merge_patch(
                resource, meta["namespace"], meta["name"], patch, manager=STATUS_MANAGER, subresource="status"
            )
        except NotFound:
            return
        self._cache.observe(resource, "MODIFIED", got, own=True)

    async def delete(
        self, resource: Resource, obj: Json, *, grace_period_seconds: int | None = None, unchanged: bool = False
    ) -> None:
        """Delete *obj* under its uid, and at its version where that matters."""
        meta = obj["metadata"]
        await self._cluster.delete(
            resource,
            meta["namespace"],
            meta["name"],
            uid=meta["uid"],
            resource_version=meta["resourceVersion"] if unchanged else None,
            grace_period_seconds=grace_period_seconds,
        )


class ReadOnlyWriter:
    """Says what would be written, and writes nothing."""

    async def apply(
        self, resource: Resource, obj: Json, *, manager: str, subresource: str | None = None, force: bool = True
    ) -> Json:
        """Log what would be applied, and return it."""
        del force
        log.info("would apply", extra=_named(resource, obj) | {"manager": manager, "subresource": subresource})
        return obj

    async def patch_status(self, resource: Resource, obj: Json, status: Json) -> None:
        """Log what the status would say."""
        log.info("would report", extra=_named(resource, obj) | {"status": status})

    async def delete(
        self, resource: Resource, obj: Json, *, grace_period_seconds: int | None = None, unchanged: bool = False
    ) -> None:
        """Log what would be deleted."""
        del unchanged
        log.info("would delete", extra=_named(resource, obj) | {"grace_period_seconds": grace_period_seconds})


def _named(resource: Resource, obj: Json) -> dict[str, Any]:
    return {"resource": resource.plural, "namespace": obj["metadata"]["namespace"], "object": obj["metadata"]["name"]}
