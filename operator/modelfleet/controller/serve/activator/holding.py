"""The activator's hands: takes requests in, lets them wait for events, and answers as was decided."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from modelfleet.controller.serve import openai
from modelfleet.controller.serve.activator import metrics
from modelfleet.controller.serve.activator.decide import (
    Asked,
    Bounce,
    Caps,
    Hold,
    Progress,
    Reason,
    Refuse,
    Sleeper,
    Verdict,
    decide,
)
from modelfleet.controller.serve.activator.demand import Demand, Ledger
from modelfleet.gateway.render import headers

TRIES_HEADER = "x-modelfleet-tries"
"""How many tries the route has in all (its `num_retries` + 1); the route overwrites it."""
ATTEMPT_HEADER = "x-envoy-attempt-count"
"""Envoy counts its tries from 1, where the virtual host has `include_request_attempt_count`."""

TOO_EARLY = 425
"""Envoy tries again at once after it, without back-off, and holds it against no endpoint (measured with 1.40)."""
UNAVAILABLE = 503
CLIENT_LEFT = "ClientLeft"
LONGEST_NUMBER = 18

MESSAGES = {
    Reason.AWAKE: "The model `{model}` is ready; the gateway had no try left to reach it. Try again.",
    Reason.FALLS_BACK: "The model `{model}` is being started, and no fallback answered. Try again later.",
    Reason.HOLD_ENDED: "The model `{model}` is still being started. Try again later.",
    Reason.TOO_MANY: "The model `{model}` is being started, and too many requests wait for it. Try again later.",
    Reason.UNKNOWN_FLEET: "The model `{model}` cannot be reached. Try again later.",
}


class Sleepers(Protocol):
    """What the activator asks about fleets."""

    def get(self, target: str) -> Sleeper | None:
        """Return the fleet as it is now, or None when it is unknown or never sleeps. Cheap: called on every change."""


class Activator:
    """
    Holds requests for fleets without replicas.

    Whoever knows of a change that matters to `Sleepers.get` must call `changed`.
    """

    def __init__(
        self,
        sleepers: Sleepers,
        *,
        caps: Caps = Caps(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._sleepers = sleepers
        self._caps = caps
        self._clock, self._wall_clock = clock, wall_clock
        self._ledger = Ledger()
        self._signals: dict[str, asyncio.Event] = {}
        self._connections: set[asyncio.Transport] = set()
        self._shown: set[str] = set()

    def changed(self, target: str | None = None) -> None:
        """Decide again about the requests that wait for *target*, or about all."""
        for name in [target] if target is not None else [*self._signals]:
            if signal := self._signals.pop(name, None):
                signal.set()

    def demand(self) -> dict[str, Demand]:
        """Return the demand for every fleet that was asked for lately, and show it in the metrics."""
        found = self._ledger.demand(self._clock())
        for target in self._shown - found.keys():
            metrics.HELD.remove(target)
        for target, demand in found.items():
            metrics.HELD.labels(target).set(demand.held)
        self._shown = {*found}
        return found

    def reset(self) -> None:
        """Cut the connection of every held request, as this process ends: the gateway has them held elsewhere."""
        for connection in [*self._connections]:
            connection.abort()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, as soon as it may leave; a client that goes away cancels this."""
        asked = read_asked(request, now=self._clock(), wall_now=self._wall_clock())
        reading = asyncio.create_task(_discard_body(request))
        try:
            verdict = await self._until_it_may_leave(request, asked)
        except asyncio.CancelledError:
            metrics.LEFT.labels(CLIENT_LEFT).inc()
            raise
        finally:
            reading.cancel()
        metrics.LEFT.labels(verdict.reason).inc()
        return _answer(request, verdict)

    async def _until_it_may_leave(self, request: web.Request, asked: Asked) -> Bounce | Refuse:
        verdict = self._decide(asked, self._sleepers.get(asked.target), Progress())
        self._ledger.note(asked.target, now=self._clock())
        if not isinstance(verdict, Hold):
            return verdict
        with contextlib.ExitStack() as until_it_leaves:
            self._count_as_held(request, asked, until_it_leaves)
            return await self._hold(asked)

    def _count_as_held(self, request: web.Request, asked: Asked, until_it_leaves: contextlib.ExitStack) -> None:
        arrived, target = asked.arrived_at, asked.target
        if connection := request.transport:
            self._connections.add(connection)
            until_it_leaves.callback(self._connections.discard, connection)
        ticket = self._ledger.hold(target, started_at=asked.started_at)
        until_it_leaves.callback(lambda: self._ledger.release(target, ticket, now=self._clock()))
        until_it_leaves.callback(lambda: metrics.HELD_SECONDS.observe(self._clock() - arrived))

    async def _hold(self, asked: Asked) -> Bounce | Refuse:
        ready_since: float | None = None
        while True:
            sleeper, now = self._sleepers.get(asked.target), self._clock()
            is_ready = sleeper is not None and sleeper.is_ready
            ready_since = (now if ready_since is None else ready_since) if is_ready else None
            verdict = self._decide(asked, sleeper, Progress(is_held=True, ready_since=ready_since))
            if not isinstance(verdict, Hold):
                return verdict
            await self._signal(asked.target, within=verdict.until - now)

    def _decide(self, asked: Asked, sleeper: Sleeper | None, progress: Progress) -> Verdict:
        load = self._ledger.load(asked.target)
        return decide(asked, sleeper, progress=progress, load=load, caps=self._caps, now=self._clock())

    async def _signal(self, target: str, *, within: float) -> None:
        """Wait for a change of *target*, but not longer than that."""
        signal = self._signals.setdefault(target, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await signal.wait()


def read_asked(request: web.BaseRequest, *, now: float, wall_now: float) -> Asked:
    """
    Return what the gateway says about a request that arrives *now*.

    The route overwrites all of it: the fleet, as `<namespace>/<name>`, when the gateway received the request, in
    milliseconds since 1970 (`%START_TIME(%s%3f)%`), and the tries.
    A start that is missing or in the future, as another node's clock may have it, is now. Without the number
    of tries the try counts as the last, so that no 425 can reach a client.
    """
    start = _integer(request, headers.START, default=round(wall_now * 1000))
    return Asked(
        target=request.headers.get(headers.TARGET, ""),
        started_at=now - max(0.0, wall_now - start / 1000),
        arrived_at=now,
        attempt=_integer(request, ATTEMPT_HEADER, default=1),
        tries=_integer(request, TRIES_HEADER, default=0),
    )


def _integer(request: web.BaseRequest, header: str, *, default: int) -> int:
    value = request.headers.get(header, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER else default


async def _discard_body(request: web.Request) -> None:
    """Read the body and keep nothing: the gateway has it, and sends it again with its next try."""
    with contextlib.suppress(ConnectionError, web.HTTPException):
        async for _ in request.content.iter_any():
            pass


def _answer(request: web.Request, verdict: Bounce | Refuse) -> web.Response:
    name = request.headers.get(headers.MODEL) or request.headers.get(headers.TARGET, "")
    answer = openai.error(
        request,
        status=UNAVAILABLE if isinstance(verdict, Refuse) else TOO_EARLY,
        message=MESSAGES[verdict.reason].format(model=name),
        kind="server_error",
        code="model_not_ready",
        retry_after_seconds=verdict.retry_after_seconds,
    )
    answer.headers[headers.ACTIVATOR] = verdict.reason
    return answer
