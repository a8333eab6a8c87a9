"""The lease that lets one process write, on coordination.k8s.io/v1."""

import asyncio
import contextlib
import datetime as dt
import logging
import random
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from modelfleet.controller.cluster import election, metrics
from modelfleet.controller.cluster.clock import micro_time, since_boot, time_of_day
from modelfleet.controller.cluster.election import Action, Sight, Timing
from modelfleet.controller.cluster.errors import ClusterError, Conflict, NotFound, NotLeader
from modelfleet.controller.cluster.resources import LEASES, Json
from modelfleet.controller.cluster.transport import Call, Transport

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_SECONDS = 5.0
SHORTEST_ATTEMPT_SECONDS = 0.1
SHORTEST_PAUSE_SECONDS = 0.01


class LeaseStore(Protocol):
    """Where the lease is kept."""

    async def read(self) -> Json | None:
        """Return the lease, or None while there is none."""

    async def create(self, spec: Json) -> Json:
        """Return the lease as created, or raise `Conflict` when another was faster."""

    async def replace(self, lease: Json, spec: Json) -> Json:
        """Return *lease* with another *spec*, or raise `Conflict` when it has moved on."""


class ApiLeaseStore:
    """
    The lease as an object of the API server.

    Its requests wait for no others and are never repeated inside: the election decides when to try again.
    """

    def __init__(self, transport: Transport, *, namespace: str, name: str) -> None:
        self._transport = transport
        self._meta = {"namespace": namespace, "name": name}
        self._collection, self._path = LEASES.path(namespace), LEASES.path(namespace, name)

    async def read(self) -> Json | None:
        """Return the lease, or None while there is none."""
        try:
            return await self._send("get", "GET", self._path)
        except NotFound:
            return None

    async def create(self, spec: Json) -> Json:
        """Return the lease as created, or raise `Conflict` when another was faster."""
        kind = {"apiVersion": LEASES.api_version, "kind": LEASES.kind}
        return await self._send("create", "POST", self._collection, body=kind | {"metadata": self._meta, "spec": spec})

    async def replace(self, lease: Json, spec: Json) -> Json:
        """Return *lease* with another *spec*, or raise `Conflict` when it has moved on."""
        return await self._send("update", "PUT", self._path, body=lease | {"spec": spec})

    async def _send(self, verb: str, method: str, path: str, *, body: Json | None = None) -> Json:
        call = Call(
            verb=verb,
            method=method,
            path=path,
            resource=LEASES.plural,
            body=body,
            attempts=1,
            bounded=False,
            timeout_seconds=REQUEST_TIMEOUT_SECONDS,
        )
        return await self._transport.json(call)


def unique_identity(pod_name: str) -> str:
    """Return a holder's name for this process: a restarted container is another holder in the same pod."""
    return f"{pod_name}_{uuid.uuid4().hex[:8]}"


class Lease:
    """
    Leads whenever it can, and lets a writer run only then.

    Losing the lease cancels the writer and nothing else; the lease is tried for again until `run` is cancelled, which
    gives it back. As a fence it refuses writes that could outlive it.
    """

    def __init__(
        self,
        store: LeaseStore,
        *,
        identity: str,
        timing: Timing | None = None,
        clock: Callable[[], float] = since_boot,
        wall_clock: Callable[[], dt.datetime] = time_of_day,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.identity = identity
        self.timing = timing or Timing()
        self._store = store
        self._clock, self._wall_clock, self._jitter = clock, wall_clock, jitter
        self._lease: Json | None = None
        self._sight: Sight | None = None
        self._renewed_at: float | None = None
        self._unreachable = False
        self.holder = ""

    @property
    def is_held(self) -> bool:
        """Return whether this process leads, with enough time left for a write."""
        return self.time_left() > self.timing.grace

    def time_left(self) -> float:
        """Return the seconds for which nobody else can lead; 0 when this process does not."""
        if self._renewed_at is None:
            return 0.0
        return max(0.0, self._renewed_at + self.timing.duration - self._clock())

    def check(self, seconds: float) -> None:
        """Raise `NotLeader` unless nobody else can lead within *seconds*."""
        left = self.time_left()
        if left < seconds:
            raise NotLeader(f"the lease must last {seconds:g} s for a write, it lasts {left:.1f} s; the leader writes")

    async def run(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """
        Run *lead* while holding the lease, again and again, until cancelled or *lead* ends by itself.

        An exception of *lead* ends this too, after the lease is given back.
        """
        try:
            while True:
                await self._acquire()
                if await self._reign(lead):
                    return
        finally:
            await self._release()

    async def attempt(self) -> bool:
        """Try once to take or keep the lease, and return whether it is ours; no answer changes nothing."""
        limit = max(SHORTEST_ATTEMPT_SECONDS, self.time_left() - self.timing.grace)
        try:
            async with asyncio.timeout(limit if self.is_held else self.timing.renew_deadline):
                ours = await self._attempt()
        except (ClusterError, TimeoutError) as error:
            self._lease = None
            self._tell(str(error) or "timed out")
            return False
        self._tell(None)
        return ours

    async def _acquire(self) -> None:
        while True:
            if await self.attempt():
                return
            await asyncio.sleep(self._jitter(self.timing.retry, 1.5 * self.timing.retry))

    async def _reign(self, lead: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Return whether *lead* ended by itself, rather than with the lease."""
        log.info("leading", extra={"identity": self.identity})
        metrics.LEADER.set(1)
        metrics.LEADER_CHANGES.labels("gained").inc()
        writer = asyncio.create_task(lead(), name="writer")
        keeper = asyncio.create_task(self._keep(), name="lease keeper")
        try:
            await asyncio.wait({writer, keeper}, return_when=asyncio.FIRST_COMPLETED)
            ended = writer.done()
        finally:
            metrics.LEADER.set(0)
            metrics.LEADER_CHANGES.labels("lost").inc()
            await _stop(writer)  # first: its last writes still need the lease
            await _stop(keeper)
        if ended:
            await writer
            return True
        log.warning("no longer leading", extra={"identity": self.identity, "holder": self.holder})
        return False

    async def _keep(self) -> None:
        """Renew the lease until somebody else has it, or until it could not be renewed in time."""
        while self.is_held:
            await asyncio.sleep(
                min(self.timing.retry, max(SHORTEST_PAUSE_SECONDS, self.time_left() - self.timing.grace))
            )
            if self.is_held:
                await self.attempt()

    async def _attempt(self) -> bool:
        try:
            return await self._take_step()
        except Conflict:  # ours is not the latest version: look again, at once
            self._lease = None
            return await self._take_step()

    async def _take_step(self) -> bool:
        started = self._clock()
        if self._lease is None:
            self._lease = await self._store.read()
        self._sight = election.look(self._lease, self._sight, now=self._clock())
        if election.step(self._lease, self._sight, me=self.identity, now=self._clock()) is Action.WAIT:
            self._stand_aside()
            return False
        spec = election.held(self._lease, me=self.identity, duration=self.timing.duration, written_at=self._time())
        if self._lease is None:
            self._lease = await self._store.create(spec)
        else:
            self._lease = await self._store.replace(self._lease, spec)
        self.holder, self._renewed_at = self.identity, started
        return True

    def _stand_aside(self) -> None:
        self.holder = ((self._lease or {}).get("spec") or {}).get("holderIdentity") or ""
        self._lease = None
        self._renewed_at = None

    async def _release(self) -> None:
        """Give the lease back if it is ours; failing to is harmless, for it expires."""
        lease, self._lease, self._renewed_at = self._lease, None, None
        if lease is None or (lease.get("spec") or {}).get("holderIdentity") != self.identity:
            return
        with contextlib.suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(self.timing.retry):
                await self._store.replace(lease, election.released(lease, written_at=self._time()))
                log.info("gave the lease back", extra={"identity": self.identity})

    def _time(self) -> str:
        return micro_time(self._wall_clock())

    def _tell(self, problem: str | None) -> None:
        """Log when the lease becomes unreachable and when it is back, not every try between."""
        if problem and not self._unreachable:
            log.warning("the lease could not be read or written", extra={"error": problem})
        elif self._unreachable and not problem:
            log.info("the lease can be read and written again")
        self._unreachable = problem is not None


async def _stop(task: asyncio.Task[None]) -> None:
    """Cancel *task* and wait for its end; an error on the way is logged, for it changes nothing any more."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()):
        log.warning("ended with an error", extra={"task": task.get_name(), "error": str(error) or repr(error)})
