"""
Keeps the cache true and asks for reconciles, whatever happens to the API server.

- Whenever kopf lists, we list: a list replaces what the cache holds and prunes what it lacks.
- When kopf ends it is started again, with a pause that grows; the process goes on.
- Every so often everything is listed and asked for again, in case anything was missed.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp
import kopf

from modelfleet.controller.cluster.resources import Resource
from modelfleet.controller.watch import embedded, metrics
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watch.intake import Enqueue, Intake, Route
from modelfleet.controller.watch.lists import Lister, Lists, Watch
from modelfleet.controller.watch.queue import Backoff
from modelfleet.controller.watch.tap import Tap

RESYNC_SECONDS = 600.0
RESYNC_SPREAD = 0.1
"""The share of the time between two resyncs over which one spreads its reconciles."""
REDISCOVER_SECONDS = 60.0
"""How often a resource that the API server does not know is looked for."""
STALE_SECONDS = embedded.SERVER_TIMEOUT_SECONDS + embedded.INACTIVITY_SECONDS + 60.0
"""A working watch asks again before this, whether it is answered or not."""
HEALTHY_SECONDS = 60.0
"""After this long without one, a failure counts as the first."""

Key = TypeVar("Key", bound=Hashable)

log = logging.getLogger(__name__)


class Reader(Lister, Protocol):
    """What watching needs of the cluster's client."""

    @property
    def server(self) -> str:
        """The address of the API server."""

    def open_session(self, *middlewares: aiohttp.ClientMiddlewareType) -> aiohttp.ClientSession:
        """Return an HTTP session of its own."""


class Watcher(Generic[Key]):
    """Feeds *cache*, and calls *enqueue* with each key that *route* names for a change."""

    def __init__(
        self,
        cluster: Reader,
        cache: Cache,
        watches: Sequence[Watch],
        *,
        route: Route[Key],
        enqueue: Enqueue[Key],
        namespaces: Sequence[str] = (),
        resync_seconds: float = RESYNC_SECONDS,
        on_started: Callable[[], None] | None = None,
        backoff: Backoff | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._cluster = cluster
        self._intake = Intake(cache, route=route, enqueue=enqueue)
        self._lists = Lists(cluster, self._intake, watches, namespaces=namespaces)
        self._namespaces = tuple(namespaces)
        self._resync_seconds = resync_seconds
        self._on_started = on_started
        self._backoff = backoff or Backoff(0.5, 30.0)
        self._jitter = jitter
        self._tap: Tap | None = None
        self._reload = asyncio.Event()
        self._login_failures, self._login_at = 0, float("-inf")
        self.complete = asyncio.Event()

    async def run(self) -> None:
        """List everything, then watch, until cancelled."""
        await self._list_until_complete()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_forever(), name="watches")
            group.create_task(self._resync_forever(), name="resync")
            group.create_task(self._rediscover_forever(), name="rediscovery")

    async def enqueue_all(self) -> None:
        """Ask for everything that is known, as a process that begins to lead must."""
        await self._intake.everything()

    async def relist(self) -> bool:
        """List everything now, from a quorum, and return whether that succeeded."""
        return await self._lists.take_all()

    def serves(self, resource: Resource) -> bool:
        """Return whether the API server knows *resource*, as of the last time it was asked."""
        return any(watch.resource == resource for watch in self._lists.served)

    def problem(self) -> str | None:
        """Return what is wrong with the watches, or None; an API server that does not answer is not."""
        stale = self._tap.stale(STALE_SECONDS) if self._tap else ()
        if not stale:
            return None
        names = ", ".join(sorted({str(place.resource) for place in stale}))
        return f"watches must ask again within {STALE_SECONDS:g} s, these have not: {names}"

    async def _list_until_complete(self) -> None:
        failures = 0
        while not await self._lists.take_all():
            failures += 1
            await self._pause(failures)
        self._intake.is_open = True
        await self._intake.everything()
        log.info("everything is listed", extra={"objects": len(self._intake.cache)})
        self.complete.set()

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self._resync_seconds)
            async with self._reload_on_change():
                await self._lists.take_all()
            await self._intake.everything(spread_seconds=self._resync_seconds * RESYNC_SPREAD)

    async def _rediscover_forever(self) -> None:
        while True:
            await asyncio.sleep(min(REDISCOVER_SECONDS, self._resync_seconds))
            async with self._reload_on_change():
                await self._lists.take_missing()

    @contextlib.asynccontextmanager
    async def _reload_on_change(self) -> AsyncIterator[None]:
        """Start the watches again, and ask for everything, when the API server knows more or less than before."""
        before = self._lists.served
        yield
        if self._lists.served != before:
            names = sorted(str(watch.resource) for watch in self._lists.served)
            log.info("the API server's resources changed", extra={"served": names})
            self._reload.set()
            await self._intake.everything()

    async def _watch_forever(self) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            started = loop.time()
            self._reload.clear()
            try:
                await self._watch()
            except Exception as error:  # noqa: BLE001 - kopf's errors have no common base, and the process goes on
                failures = 1 if loop.time() - started > HEALTHY_SECONDS else failures + 1
                metrics.RESTARTS.inc()
                log.warning("the watches ended and start again", extra={"error": str(error) or repr(error)})
                await self._pause(failures)
                await self._lists.take_all()

    async def _watch(self) -> None:
        """Run kopf until it fails, or until the API server's resources change."""
        served = sorted(self._lists.served, key=lambda watch: str(watch.resource))
        places = [place for watch in served for place in watch.places(self._namespaces)]
        prefix = urlsplit(self._cluster.server).path
        tap = self._tap = Tap(places, on_list=self._lists.retake, prefix=prefix)
        sessions: list[aiohttp.ClientSession] = []

        async def login() -> kopf.AiohttpSession:
            await self._pause_before_login()
            sessions.append(self._cluster.open_session(tap))
            return embedded.as_login(self._cluster.server, sessions[-1])

        resources = [watch.resource for watch in served]
        try:
            await embedded.run(
                embedded.registry(resources, on_event=self._intake.event, open_session=login),
                selectors=[(watch.resource, watch.label_selector) for watch in served if watch.label_selector],
                namespaces=self._namespaces,
                until=self._reload,
                on_started=self._on_started,
            )
        finally:
            for session in sessions:
                await session.close()

    async def _pause_before_login(self) -> None:
        """Hold back a login soon after another: kopf asks for one each time that its credentials are refused."""
        now = asyncio.get_running_loop().time()
        self._login_failures = self._login_failures + 1 if now - self._login_at < HEALTHY_SECONDS else 0
        if self._login_failures:
            await self._pause(self._login_failures)
        self._login_at = asyncio.get_running_loop().time()

    async def _pause(self, failures: int) -> None:
        await asyncio.sleep(self._backoff.seconds(failures, self._jitter()))
