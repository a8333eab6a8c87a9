"""The verbs of the API server, for objects as dicts."""

from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from kubernetes.aio.client import ApiClient

from modelfleet.controller.cluster import connection
from modelfleet.controller.cluster.errors import Expired, Invalid, NotFound
from modelfleet.controller.cluster.resources import PODS, Json, Resource, with_kind
from modelfleet.controller.cluster.transport import WRITE_TIMEOUT_SECONDS, Call, Fence, Transport

APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
PAGE_SIZE = 500
LONGEST_LOG_BYTES = 64 * 1024

Objects = list[Json]


class Listing(NamedTuple):
    """Every object of a kind, and the version of the collection they were read at."""

    items: Objects
    resource_version: str


class Cluster:
    """
    A thin asynchronous client; every method raises only `ClusterError` and its kinds.

    Reads are tried again after 429, 5xx and lost connections, and so are writes, except `create`: all the others
    lead to the same state when they run twice. With a fence, no write starts that could outlive the lease.
    """

    def __init__(
        self, transport: Transport, *, fence: Fence | None = None, write_timeout_seconds: float = WRITE_TIMEOUT_SECONDS
    ) -> None:
        self.transport = transport
        self._fence = fence
        self._write_timeout = write_timeout_seconds

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None, *, context: str | None = None) -> "Cluster":
        """Return a client for the cluster this process runs in or is configured for."""
        return cls.of(connection.client(await connection.load(kubeconfig, context=context)))

    @classmethod
    def of(cls, api: ApiClient) -> "Cluster":
        """Return a client that speaks through *api*."""
        return cls(Transport(api))

    def fenced(self, fence: Fence, *, write_timeout_seconds: float = WRITE_TIMEOUT_SECONDS) -> "Cluster":
        """Return the same client with *fence* before every write; a write is given up after its time."""
        return Cluster(self.transport, fence=fence, write_timeout_seconds=write_timeout_seconds)

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.api.close()

    @property
    def server(self) -> str:
        """Return the address of the API server."""
        host: str = self.transport.api.configuration.host
        return host

    def open_session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """Return an HTTP session of its own to the same server with the same credentials; the caller closes it."""
        return connection.open_session(self.transport.api, middlewares)

    async def get(
        self, resource: Resource, namespace: str | None, name: str, *, subresource: str | None = None
    ) -> Json:
        """Return one object, or raise `NotFound`."""
        path = resource.path(namespace, name, subresource=subresource)
        return await self.transport.json(Call(verb="get", method="GET", path=path, resource=resource.plural))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> Listing:
        """
        Return all objects of one state of the collection, read in pages; each carries `apiVersion` and `kind`.

        A state that is compacted away between two pages is read again in one piece.
        """
        try:
            return await self._pages(resource, namespace, label_selector=label_selector, page_size=PAGE_SIZE)
        except Expired:
            return await self._pages(resource, namespace, label_selector=label_selector, page_size=None)

    async def _pages(
        self, resource: Resource, namespace: str | None, *, label_selector: str | None, page_size: int | None
    ) -> Listing:
        items: Objects = []
        query: dict[str, Any] = {"labelSelector": label_selector, "limit": page_size}
        while True:
            page = await self.transport.json(
                Call(verb="list", method="GET", path=resource.path(namespace), resource=resource.plural, query=query)
            )
            items += (with_kind(resource, item) for item in page["items"])
            query["continue"] = page["metadata"].get("continue")
            if not query["continue"]:
                return Listing(items, page["metadata"]["resourceVersion"])

    async def apply(
        self,
        resource: Resource,
        obj: Json,
        *,
        manager: str,
        force: bool = True,
        dry_run: bool = False,
        subresource: str | None = None,
    ) -> Json:
        """
        Return the object after a server-side apply of *obj* as *manager*.

        Without *force*, raises `Conflict` when another manager owns a field with another value.
        """
        meta = obj["metadata"]
        call = Call(
            verb="apply",
            method="PATCH",
            path=resource.path(meta.get("namespace"), meta["name"], subresource=subresource),
            resource=resource.plural,
            query=_write_query(manager, subresource=subresource, dry_run=dry_run) | {"force": force},
            body=obj,
            content_type=APPLY_PATCH,
            timeout_seconds=self._write_timeout,
            fence=None if dry_run else self._fence,
        )
        return await self.transport.json(call)

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Json,
        *,
        manager: str,
        subresource: str | None = None,
    ) -> Json:
        """Return the object after a JSON merge patch; a `metadata.resourceVersion` in *patch* must still hold."""
        call = Call(
            verb="patch",
            method="PATCH",
            path=resource.path(namespace, name, subresource=subresource),
            resource=resource.plural,
            query=_write_query(manager, subresource=subresource),
            body=patch,
            content_type=MERGE_PATCH,
            timeout_seconds=self._write_timeout,
            fence=self._fence,
        )
        return await self.transport.json(call)

    async def create(self, resource: Resource, obj: Json, *, manager: str) -> Json:
        """Return the created object, or raise `Conflict` when the name is taken."""
        call = Call(
            verb="create",
            method="POST",
            path=resource.path(obj["metadata"].get("namespace")),
            resource=resource.plural,
            query=_write_query(manager),
            body=obj,
            timeout_seconds=self._write_timeout,
            idempotent=False,
            fence=self._fence,
        )
        return await self.transport.json(call)

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete one object in the background; gone is fine, another uid or version raises `Conflict`."""
        conditions = {"uid": uid, "resourceVersion": resource_version}
        options = {
            "propagationPolicy": "Background",
            "preconditions": {key: value for key, value in conditions.items() if value is not None},
            "gracePeriodSeconds": grace_period_seconds,
        }
        call = Call(
            verb="delete",
            method="DELETE",
            path=resource.path(namespace, name),
            resource=resource.plural,
            body={key: value for key, value in options.items() if value not in (None, {})},
            timeout_seconds=self._write_timeout,
            fence=self._fence,
        )
        try:
            await self.transport.read(call)
        except NotFound:
            return

    async def pod_log_tail(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False
    ) -> str:
        """Return the last *lines* of a container's log, at most 64 KiB; empty while there is none."""
        call = Call(
            verb="log",
            method="GET",
            path=PODS.path(namespace, pod, subresource="log"),
            resource=PODS.plural,
            query={
                "container": container,
                "tailLines": lines,
                "previous": previous,
                "limitBytes": LONGEST_LOG_BYTES,
            },
            accept="*/*",
            attempts=1,
        )
        try:
            return (await self.transport.read(call)).decode(errors="replace")
        except (NotFound, Invalid):  # 400: the container has not started, or not ended before
            return ""


def _write_query(manager: str, *, subresource: str | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Return the query of a write; a status field that the installed CRD lacks is a warning, elsewhere an error."""
    return {
        "fieldManager": manager,
        "fieldValidation": "Warn" if subresource == "status" else "Strict",
        "dryRun": "All" if dry_run else None,
    }
