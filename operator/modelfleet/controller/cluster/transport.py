"""One request to the API server: bounded, timed, counted, and tried again where that is safe."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from modelfleet.controller.cluster import connection, metrics
from modelfleet.controller.cluster.errors import ClusterError, Unavailable, from_answer, from_silence
from modelfleet.controller.cluster.resources import Json

READ_TIMEOUT_SECONDS = 30.0
WRITE_TIMEOUT_SECONDS = 5.0
"""At most the lease's duration less its renew deadline, so that no write outlives the lease it began under."""
ATTEMPTS = 4
IN_FLIGHT = 32
"""Requests at once: twice the workers, and what one API server answered fastest at (2 cores, v1.36)."""
FIRST_BACKOFF_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 8.0
LONGEST_RETRY_AFTER_SECONDS = 30.0
REMEMBERED_WARNINGS = 200

SILENCE = (aiohttp.ClientError, TimeoutError, OSError)
UNAUTHORIZED = 401
TOO_MANY_REQUESTS = 429
FIRST_FAILURE = 300

log = logging.getLogger(__name__)


class Fence(Protocol):
    """Stands before every write."""

    def check(self, seconds: float) -> None:
        """Raise `NotLeader` unless this process may write for another *seconds*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as the verbs of the client describe it."""

    verb: str
    method: str
    path: str
    resource: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Json | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    timeout_seconds: float = READ_TIMEOUT_SECONDS
    attempts: int = ATTEMPTS
    idempotent: bool = True
    bounded: bool = True
    fence: Fence | None = None

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"

    @property
    def target(self) -> str:
        """Return path and query; absent values are left out and booleans are written as JSON writes them."""
        given = {
            key: str(value).lower() if isinstance(value, bool) else value
            for key, value in self.query.items()
            if value is not None
        }
        return f"{self.path}?{urlencode(given)}" if given else self.path


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that matters of a response."""

    status: int
    body: bytes
    retry_after_seconds: float = 0.0


class Transport:
    """Sends calls through one client; at most *in_flight* at a time, save those that must not wait."""

    def __init__(
        self, api: ApiClient, *, in_flight: int = IN_FLIGHT, jitter: Callable[[float, float], float] = random.uniform
    ) -> None:
        self.api = api
        self._slots = asyncio.Semaphore(in_flight)
        self._jitter = jitter
        self._warned: set[str] = set()

    async def json(self, call: Call) -> Json:
        """Return the decoded answer of *call*, or raise a `ClusterError`."""
        decoded: Json = json.loads(await self.read(call))
        return decoded

    async def read(self, call: Call) -> bytes:
        """Return the answer of *call*, tried again while that is safe and useful, or raise a `ClusterError`."""
        attempt = 1
        while True:
            try:
                answer = await self._attempt(call)
                failure: ClusterError | None = _failure(call, answer)
                wait, again = answer.retry_after_seconds, _may_repeat(call, failure)
            except SILENCE as error:
                failure, wait = from_silence(error, what=str(call)), 0.0
                again = call.idempotent or isinstance(error, aiohttp.ClientConnectorError)
            if failure is None:
                return answer.body
            if not again or attempt >= call.attempts:
                raise failure
            await asyncio.sleep(max(wait, self._backoff(attempt)))
            attempt += 1

    def _backoff(self, attempt: int) -> float:
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**attempt)
        return self._jitter(longest / 2, longest)

    async def _attempt(self, call: Call) -> Answer:
        if not call.bounded:
            return await self._timed(call)
        async with self._slots:
            return await self._timed(call)

    async def _timed(self, call: Call) -> Answer:
        if call.fence is not None:
            call.fence.check(call.timeout_seconds)
        started, status = time.perf_counter(), 0
        try:
            with metrics.IN_FLIGHT.track_inprogress():
                async with asyncio.timeout(call.timeout_seconds):
                    answer = await self._send(call)
            status = answer.status
            return answer
        finally:
            metrics.REQUESTS.labels(call.verb, call.resource, status).inc()
            metrics.REQUEST_SECONDS.labels(call.verb, call.resource).observe(time.perf_counter() - started)

    async def _send(self, call: Call) -> Answer:
        headers = {"Accept": call.accept, "Content-Type": call.content_type, "User-Agent": "modelfleet"}
        headers |= await connection.authorization(self.api, call.path)
        response = await self.api.rest_client.request(
            call.method,
            self.api.configuration.host + call.target,
            headers=headers,
            body=call.body,
            _request_timeout=call.timeout_seconds,
        )
        body = await response.read()
        self._pass_on_warnings(call, response.headers.getall("Warning", ()))
        return Answer(response.status, body, _retry_after(response.headers.get("Retry-After")))

    def _pass_on_warnings(self, call: Call, warnings: tuple[str, ...]) -> None:
        """Log what the API server warns about, each text once: deprecated versions, unknown fields."""
        for warning in warnings:
            if warning not in self._warned and len(self._warned) < REMEMBERED_WARNINGS:
                self._warned.add(warning)
                log.warning("the API server warned", extra={"warning": warning, "request": str(call)})


def _failure(call: Call, answer: Answer) -> ClusterError | None:
    return from_answer(answer.status, answer.body, what=str(call)) if answer.status >= FIRST_FAILURE else None


def _may_repeat(call: Call, failure: ClusterError | None) -> bool:
    if not isinstance(failure, Unavailable) or failure.status == UNAUTHORIZED:
        return False
    return call.idempotent or failure.status == TOO_MANY_REQUESTS


def _retry_after(header: str | None) -> float:
    try:
        return min(LONGEST_RETRY_AFTER_SECONDS, float(header or 0))
    except ValueError:
        return 0.0
