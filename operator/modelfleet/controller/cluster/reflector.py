"""
One collection in one namespace, followed for ever: listed, then watched, and listed again after every gap.

For what the operator may read only where it was given the right: Secrets of named namespaces, and its own namespace.
Everything that exists across the cluster is watched elsewhere.
"""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, Protocol

import aiohttp

from modelfleet.controller.cluster.errors import ClusterError, Expired, Forbidden, from_answer, from_silence
from modelfleet.controller.cluster.resources import Json, Resource, with_kind
from modelfleet.controller.cluster.transport import SILENCE

SERVER_TIMEOUT_SECONDS = 290
"""The server ends a watch after this, and it begins again where it was."""
SILENT_SECONDS = 70.0
"""The server sends a bookmark every minute: a stream that is silent for longer is dead."""
LONGEST_LINE_BYTES = 4 * 1024 * 1024
"""An event is one line; an object has at most 1.5 MiB (etcd's limit), twice that with JSON's escapes."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 15.0

OK = 200
OnList = Callable[[Iterable[Json], int], None]
"""Takes everything there is, and the version of the collection."""
OnEvent = Callable[[str, Json], None]
"""Takes `ADDED`, `MODIFIED` or `DELETED`, and the object."""

log = logging.getLogger(__name__)


class Source(Protocol):
    """What following needs of the cluster's client."""

    @property
    def server(self) -> str:
        """The address of the API server."""

    def open_session(self) -> aiohttp.ClientSession:
        """Return an HTTP session of its own."""

    async def list(self, resource: Resource, namespace: str | None = None) -> tuple[list[Json], str]:
        """Return all objects and the version they were read at."""


class Reflector:
    """
    Follows *resource* in *namespace*: *on_list* gets every whole list, *on_event* every change after it.

    Failures are logged once per streak and tried again for ever; what was known stays known meanwhile. What is known
    never goes back to what a list showed that was overtaken by later changes.
    """

    def __init__(
        self, cluster: Source, resource: Resource, namespace: str, *, on_list: OnList, on_event: OnEvent
    ) -> None:
        self._cluster = cluster
        self._resource, self._namespace = resource, namespace
        self._on_list, self._on_event = on_list, on_event
        self.listed = asyncio.Event()
        """Set once everything was listed, or this was forbidden: what may not be read counts as nothing."""
        self._listing = asyncio.Lock()
        self._known_at = 0
        """The version of the last list or change that was handed on."""
        self._failures = 0

    async def run(self) -> None:
        """Follow until cancelled."""
        async with self._cluster.open_session() as session:
            while True:
                try:
                    async with self._listing:
                        version = self._replace(*await self._list())
                    await self._watch_from(session, version)
                except ClusterError as error:
                    self._failures += 1
                    await self._outlive(error)

    async def relist(self) -> None:
        """List everything now, from a quorum; raise `ClusterError` when that fails."""
        async with self._listing:
            items, version = await self._list()
            if int(version) >= self._known_at:  # else changes that came meanwhile are newer, and are not told again
                self._replace(items, version)

    async def _list(self) -> tuple[list[Json], str]:
        return await self._cluster.list(self._resource, self._namespace)

    def _replace(self, items: list[Json], version: str) -> str:
        """Hand on everything there is, and return the version to go on from."""
        self._known_at = int(version)
        self._on_list(items, self._known_at)
        self.listed.set()
        return version

    async def _outlive(self, error: ClusterError) -> None:
        """Pause before the next try, but for a version that is too old, which is no failure the first time."""
        if isinstance(error, Forbidden):
            self.listed.set()
        if not isinstance(error, Expired):
            self._tell(error)
        elif self._failures == 1:
            return
        await asyncio.sleep(_pause(self._failures))

    async def _watch_from(self, session: aiohttp.ClientSession, version: str) -> None:
        """Hand on changes until the server says that *version* is too old, or does not answer."""
        while True:
            async with contextlib.aclosing(self._stream(session, version)) as events:
                async for event in events:
                    version = self._take(event)

    def _take(self, event: dict[str, Any]) -> str:
        """Hand on one event, and return the version to go on from."""
        obj: Json = event["object"]
        if event["type"] == "ERROR":
            raise from_answer(int(obj.get("code") or 0), json.dumps(obj).encode(), what=str(self))
        version: str = obj["metadata"]["resourceVersion"]
        if event["type"] != "BOOKMARK" and int(version) > self._known_at:
            self._known_at = int(version)
            self._on_event(event["type"], with_kind(self._resource, obj))
        return version

    async def _stream(self, session: aiohttp.ClientSession, version: str) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the events of one watch, until the server ends it."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(SERVER_TIMEOUT_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENT_SECONDS)
        address = self._cluster.server + self._resource.path(self._namespace)
        try:
            async with contextlib.AsyncExitStack() as stack:
                request = session.get(address, params=query, timeout=timeout, read_bufsize=LONGEST_LINE_BYTES)
                response = await stack.enter_async_context(request)
                if response.status != OK:
                    raise from_answer(response.status, await response.read(), what=str(self))
                self._failures = 0
                async for line in response.content:
                    yield json.loads(line)
        except (*SILENCE, ValueError) as error:
            raise from_silence(error, what=str(self)) from error

    def _tell(self, error: ClusterError) -> None:
        if self._failures == 1:
            log.warning("a watch failed and is tried again", extra={"watch": str(self), "error": str(error)})

    def __str__(self) -> str:
        return f"watch {self._resource} in {self._namespace}"


def _pause(failures: int) -> float:
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures)
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, keeps no secret
