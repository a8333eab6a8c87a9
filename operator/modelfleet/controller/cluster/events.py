"""
Kubernetes Events about our objects, on events.k8s.io/v1.

Recording never waits and never fails: what is too much, or cannot be written, is counted and dropped. The same event
about the same object is one Event with a growing series for as long as it repeats.
"""

import asyncio
import datetime as dt
import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from modelfleet.controller.cluster import metrics
from modelfleet.controller.cluster.clock import micro_time, since_boot, time_of_day
from modelfleet.controller.cluster.errors import ClusterError, NotFound, NotLeader
from modelfleet.controller.cluster.resources import EVENTS, Json, Resource

SERIES_SECONDS = 600.0
"""A repetition after a longer silence is an Event of its own."""
BURST = 25.0
"""Events one object may have at once, as client-go's spam filter allows."""
REFILL_SECONDS = 300.0
"""Time until one object may have one more, as in client-go's spam filter."""
LONGEST_NOTE_BYTES = 1024
"""What the API server accepts in `note`."""
LONGEST_NAME_PREFIX = 200
QUEUED = 1000
REMEMBERED = 4096

Value = TypeVar("Value")

log = logging.getLogger(__name__)


class EventWriter(Protocol):
    """The two writes that Events need, as the cluster's client has them."""

    async def create(self, resource: Resource, obj: Json, *, manager: str) -> Json:
        """Write a new Event."""

    async def merge_patch(
        self, resource: Resource, namespace: str | None, name: str, patch: Json, *, manager: str
    ) -> Json:
        """Continue the series of an Event."""


@dataclass(slots=True)
class _Series:
    """One event and how often it has happened."""

    event: Json
    last_at: float
    count: int = 1
    waiting: bool = False
    written: bool = False


@dataclass(slots=True)
class _Bucket:
    """What one object may still say."""

    tokens: float
    filled_at: float

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        self.tokens = min(BURST, self.tokens + (now - self.filled_at) / REFILL_SECONDS)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Recorder:
    """Takes events from anywhere in the event loop; `run` writes them one after another."""

    def __init__(
        self,
        writer: EventWriter,
        *,
        manager: str,
        instance: str,
        clock: Callable[[], float] = since_boot,
        wall_clock: Callable[[], dt.datetime] = time_of_day,
    ) -> None:
        self._writer = writer
        self._manager, self._instance = manager, instance
        self._clock, self._wall_clock = clock, wall_clock
        self._queue: asyncio.Queue[_Series] = asyncio.Queue(QUEUED)
        self._series: OrderedDict[str, _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def record(self, regarding: Json, *, reason: str, note: str, action: str, warning: bool = False) -> None:
        """
        Say that something happened to *regarding*, an object with `apiVersion`, `kind` and `metadata`.

        *reason* and *action* are CamelCase words, *note* is a sentence; one that is too long is cut.
        """
        now = self._clock()
        kind = "Warning" if warning else "Normal"
        uid = regarding["metadata"].get("uid", "")
        mark = hashlib.blake2b(json.dumps([uid, kind, reason, note]).encode(), digest_size=8).hexdigest()
        series = self._series.get(mark)
        if series is not None and now - series.last_at < SERIES_SECONDS:
            series.count += 1
            series.last_at = now
        elif self._may_speak(uid, now=now):
            event = self._event(regarding, kind=kind, reason=reason, note=note, action=action)
            event["metadata"]["name"] += f".{mark}{int(now * 1000):x}"
            series = _Series(event, last_at=now)
            _remember(self._series, mark, series)
        else:
            metrics.EVENTS_DROPPED.labels("rate limit").inc()
            return
        self._enqueue(series)

    async def run(self) -> None:
        """Write what is recorded, until cancelled."""
        while True:
            series = await self._queue.get()
            series.waiting = False
            try:
                await self._write(series)
            except NotLeader:
                metrics.EVENTS_DROPPED.labels("not leader").inc()
            except ClusterError as error:
                metrics.EVENTS_DROPPED.labels("API server").inc()
                log.warning("an event was not written", extra={"error": str(error), "reason": series.event["reason"]})

    def _may_speak(self, uid: str, *, now: float) -> bool:
        bucket = self._buckets.get(uid) or _Bucket(BURST, now)
        _remember(self._buckets, uid, bucket)
        return bucket.take(now)

    def _enqueue(self, series: _Series) -> None:
        if series.waiting:
            return  # its new count is written with it
        try:
            self._queue.put_nowait(series)
            series.waiting = True
        except asyncio.QueueFull:
            metrics.EVENTS_DROPPED.labels("queue full").inc()

    async def _write(self, series: _Series) -> None:
        meta = series.event["metadata"]
        if series.written:
            try:
                await self._writer.merge_patch(
                    EVENTS, meta["namespace"], meta["name"], self._repeated(series), manager=self._manager
                )
            except NotFound:  # the server forgets events, after an hour by default
                series.written = False
        if not series.written:
            await self._writer.create(EVENTS, series.event | self._repeated(series), manager=self._manager)
            series.written = True
            metrics.EVENTS_POSTED.labels(series.event["reason"]).inc()

    def _repeated(self, series: _Series) -> Json:
        if series.count == 1:
            return {}
        return {"series": {"count": series.count, "lastObservedTime": micro_time(self._wall_clock())}}

    def _event(self, regarding: Json, *, kind: str, reason: str, note: str, action: str) -> Json:
        meta = regarding["metadata"]
        reference = {
            "apiVersion": regarding["apiVersion"],
            "kind": regarding["kind"],
            "name": meta["name"],
            "namespace": meta.get("namespace"),
            "uid": meta.get("uid"),
        }
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {
                "name": meta["name"][:LONGEST_NAME_PREFIX],
                "namespace": meta.get("namespace") or "default",  # where events of cluster-wide objects live
            },
            "eventTime": micro_time(self._wall_clock()),
            "reportingController": self._manager,
            "reportingInstance": self._instance,
            "type": kind,
            "reason": reason,
            "action": action,
            "note": note.encode()[:LONGEST_NOTE_BYTES].decode(errors="ignore"),
            "regarding": {key: value for key, value in reference.items() if value is not None},
        }


def _remember(memory: OrderedDict[str, Value], key: str, value: Value) -> None:
    """Keep the newest."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
