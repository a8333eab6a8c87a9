"""
A small API server on loopback that can be told to misbehave.

It knows lists, watches, writes with preconditions, and a server-side apply that merges; it has no schemas, no field
ownership and no controllers. Those are tested against a real kube-apiserver.
"""

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration
from tests.controller.fake_store import Store, matches, merge

from modelfleet.controller.cluster import connection
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.resources import CRDS, Json, Resource

NAMESPACES = Resource("v1", "Namespace", "namespaces", namespaced=False)
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]


class Refusal(Exception):  # noqa: N818 - an answer, not a defect
    """The answer is a Status."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.status, self.reason = status, reason


class Target(NamedTuple):
    """What a path names."""

    resource: Resource
    namespace: str | None
    name: str | None
    subresource: str | None


@dataclass
class Trouble:
    """What the next requests meet."""

    failures: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    hanging: asyncio.Event | None = None


@dataclass
class FakeApi:
    """The server; `requests` counts what it was asked, by verb and plural."""

    resources: tuple[Resource, ...]
    store: Store = field(default_factory=Store)
    trouble: Trouble = field(default_factory=Trouble)
    requests: "Counter[str]" = field(default_factory=Counter)
    queries: list[dict[str, str]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""
    page_expires: bool = False
    _watches: dict[str, set["asyncio.Queue[Json | None]"]] = field(default_factory=lambda: defaultdict(set))
    _asked: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None
    _port: int = 0

    # For tests

    def cluster(self, token: str = "") -> Cluster:
        """Return a client of this server."""
        configuration = Configuration(host=self.url)
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"
        api: ApiClient = connection.client(configuration)
        return Cluster.of(api)

    def add(self, resource: Resource, name: str, *, namespace: str | None = "models", **rest: object) -> Json:
        """Create an object as somebody else."""
        labels = rest.pop("labels", None)
        meta = {"name": name} | ({"namespace": namespace} if namespace else {}) | ({"labels": labels} if labels else {})
        return self._told(resource, self.store.create(resource, {"metadata": meta, **rest}))

    def change(self, resource: Resource, name: str, patch: Json, *, namespace: str | None = "models") -> Json:
        """Change an object as somebody else."""
        found = self.store.find(resource, namespace, name)
        assert found is not None
        return self._told(resource, self.store.save(resource, merge(found, patch)))

    def remove(self, resource: Resource, name: str, *, namespace: str | None = "models") -> Json:
        """Delete an object as somebody else."""
        return self._told(resource, self.store.delete(resource, namespace, name))

    def fail(self, times: int, status: int, *, message: str = "made to fail", **headers: str) -> None:
        """Answer the next requests with *status*."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.trouble.failures += [(status, message, named)] * times

    def drop_watches(self) -> None:
        """End every watch."""
        for queue in self._all_watches():
            queue.put_nowait(None)

    def send(self, resource: Resource, event: Json) -> None:
        """Put a raw event into every watch of *resource*."""
        for queue in self._watches[resource.plural]:
            queue.put_nowait(event)

    def watching(self, resource: Resource) -> int:
        """Return how many watches of *resource* are open."""
        return len(self._watches[resource.plural])

    async def asked(self, what: str, times: int = 1) -> None:
        """Wait until *what*, such as "watch pods", was asked for so many times in all."""
        async with asyncio.timeout(10), self._asked:
            await self._asked.wait_for(lambda: self.requests[what] >= times)

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._runner is not None:
            self.drop_watches()
            await self._runner.cleanup()
            self._runner = None

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    # The server

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            if self.trouble.hanging is not None:
                await self.trouble.hanging.wait()
            return await self._route(request)
        except Refusal as refusal:
            status = {"kind": "Status", "code": refusal.status, "reason": refusal.reason, "message": str(refusal)}
            return web.json_response(status, status=refusal.status)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        target = self._target(request.path)
        verb = _verb(request, target)
        await self._count(f"{verb} {target.resource.plural if target else request.path}", dict(request.query))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens and token not in self.tokens:
            raise Refusal(401, "Unauthorized")
        if self.trouble.failures:
            status, message, headers = self.trouble.failures.pop(0)
            body = {"kind": "Status", "code": status, "message": message}
            return web.json_response(body, status=status, headers=headers)
        if target is None:
            return web.json_response(self._discover(request.path))
        if verb == "watch":
            return await self._watch(request, target)
        if verb == "list":
            return web.json_response(self._list(request, target))
        if target.subresource == "log":
            return web.Response(text="last line\n")
        return web.json_response(self._one(verb, request, target, json.loads(await request.read() or b"{}")))

    async def _count(self, what: str, query: dict[str, str]) -> None:
        async with self._asked:
            self.requests[what] += 1
            self.queries.append(query)
            self._asked.notify_all()

    def _target(self, path: str) -> Target | None:
        for resource in (*self.resources, CRDS, NAMESPACES):
            if not path.startswith(resource.root + "/"):
                continue
            parts = path.removeprefix(resource.root + "/").split("/")
            namespace = parts[1] if parts[0] == "namespaces" and len(parts) > 2 and resource.namespaced else None
            place, name, subresource = [*(parts[2:] if namespace else parts), None, None][:3]
            if place == resource.plural:
                return Target(resource, namespace, name, subresource)
        return None

    def _one(self, verb: str, request: web.Request, target: Target, body: Json) -> Json:
        resource, namespace = target.resource, target.namespace
        name = body["metadata"]["name"] if verb == "post" else target.name
        dry = request.query.get("dryRun") == "All"
        found = self.store.find(resource, namespace, name)
        if verb == "post" or (found is None and "apply" in request.content_type):
            if found is not None:
                raise Refusal(409, "AlreadyExists", f"{name} exists")
            return body if dry else self._told(resource, self.store.create(resource, body))
        if found is None:
            raise Refusal(404, "NotFound", f"{name} not found")
        if verb == "get":
            return found
        self._check(found, body.get("preconditions") or body.get("metadata", {}))
        if verb == "delete":
            return self._told(resource, self.store.delete(resource, namespace, name))
        new = body | {"metadata": found["metadata"] | body["metadata"]} if verb == "put" else merge(found, body)
        return new if dry else self._told(resource, self.store.save(resource, new))

    def _check(self, found: Json, conditions: Json) -> None:
        for key in ("uid", "resourceVersion"):
            if conditions.get(key) not in (None, found["metadata"][key]):
                raise Refusal(409, "Conflict", f"{key} has changed")

    def _list(self, request: web.Request, target: Target) -> Json:
        resource, namespace = target.resource, target.namespace
        items = self.store.select(resource, namespace, request.query.get("labelSelector"))
        if name := request.query.get("fieldSelector", "").removeprefix("metadata.name="):
            items = [item for item in items if item["metadata"]["name"] == name]
        start, limit = int(request.query.get("continue", 0)), int(request.query.get("limit", 0))
        if start and self.page_expires:
            raise Refusal(410, "Expired", "the continue token is too old")
        page = items[start : start + limit] if limit else items
        more = {"continue": str(start + limit)} if limit and start + limit < len(items) else {}
        bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in page]
        meta = {"resourceVersion": str(self.store.version), **more}
        return {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": meta, "items": bare}

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        resource, namespace = target.resource, target.namespace
        since = int(request.query["resourceVersion"])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if since < self.store.compacted:
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            await response.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            return response
        queue: asyncio.Queue[Json | None] = asyncio.Queue()
        for event in self.store.since(resource, since):
            queue.put_nowait(event)
        self._watches[resource.plural].add(queue)
        try:
            while (told := await queue.get()) is not None:
                if told["type"] == "ERROR" or _is_seen(told["object"], request, namespace):
                    await response.write(json.dumps(told).encode() + b"\n")
        finally:
            self._watches[resource.plural].discard(queue)
        return response

    def _told(self, resource: Resource, stored: Json) -> Json:
        """Send the newest event of *resource* to its watches."""
        version, event = (self.store.history[resource.plural] or [(0, {})])[-1]
        if version == self.store.version and str(version) == stored["metadata"]["resourceVersion"]:
            self.send(resource, event)
        return stored

    def _all_watches(self) -> Iterable["asyncio.Queue[Json | None]"]:
        return [queue for queues in self._watches.values() for queue in queues]

    def _discover(self, path: str) -> Json:
        served = (*self.resources, CRDS, NAMESPACES)
        if path == "/api":
            return {"versions": ["v1"]}
        if path == "/apis":
            pairs = sorted({(resource.group, resource.version) for resource in served if resource.group})
            return {
                "groups": [
                    {"name": group, "versions": [{"version": v}], "preferredVersion": {"version": v}}
                    for group, v in pairs
                ]
            }
        found = [resource for resource in served if resource.root == path]
        if not found:
            raise Refusal(404, "NotFound")
        return {
            "resources": [
                {
                    "name": resource.plural,
                    "singularName": resource.kind.lower(),
                    "kind": resource.kind,
                    "namespaced": resource.namespaced,
                    "verbs": VERBS,
                }
                for resource in found
            ]
        }


def _verb(request: web.Request, target: Target | None) -> str:
    if request.method != "GET":
        return request.method.lower()
    if target is not None and target.name is not None:
        return "get"
    return "watch" if "watch" in request.query else "list"


def _is_seen(obj: Json, request: web.Request, namespace: str | None) -> bool:
    in_place = namespace in (None, obj["metadata"].get("namespace"))
    return in_place and matches(obj, request.query.get("labelSelector"))


@contextlib.asynccontextmanager
async def serving(*resources: Resource) -> AsyncIterator[FakeApi]:
    """Run a server that knows *resources*."""
    api = FakeApi(resources)
    await api.start()
    try:
        yield api
    finally:
        await api.stop()
