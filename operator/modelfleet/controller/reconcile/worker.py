"""Workers: take keys off the queue, one reconcile at a time per key, and try again what failed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import Counter, Histogram

from modelfleet.controller.cluster.errors import ClusterError, NotLeader
from modelfleet.controller.watch.queue import KeyedQueue
from modelfleet.controller.watched import Key, Subject

Reconcile = Callable[[Key], Awaitable[float | None]]

SECONDS = Histogram(
    "modelfleet_reconcile_duration_seconds",
    "Time of one reconcile in seconds. Labeled by subject.",
    ["subject"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
FAILURES = Counter(
    "modelfleet_reconcile_failures", "Reconciles that failed and are tried again. Labeled by subject.", ["subject"]
)
for subject in Subject:
    SECONDS.labels(subject.value)
    FAILURES.labels(subject.value)

FENCED_SECONDS = 1.0
"""How soon a key comes again whose writes were held back: a lease that is renewed at the last moment stays ours."""

log = logging.getLogger(__name__)


class Workers:
    """Runs the reconcile of each key's subject."""

    def __init__(self, queue: KeyedQueue[Key], reconciles: Mapping[Subject, Reconcile], *, count: int) -> None:
        self._queue = queue
        self._reconciles = reconciles
        self._count = count

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._work(), name=f"worker {number}")

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            failed = True
            try:
                failed = not await self._reconcile(key)
            finally:
                self._queue.done(key, failed=failed)

    async def _reconcile(self, key: Key) -> bool:
        """Return whether the reconcile of *key* succeeded, and ask for it again where it wants to come again."""
        started = time.perf_counter()
        try:
            again_in = await self._reconciles[key.subject](key)
        except NotLeader:  # the next leader starts with every key, unless it is this process after all
            again_in = FENCED_SECONDS
        except ClusterError as error:
            self._failed(key, str(error))
            return False
        except Exception:
            # A defect in one object's reconcile must not keep all others from theirs.
            log.exception("a reconcile failed", extra=_named(key))
            FAILURES.labels(key.subject.value).inc()
            return False
        SECONDS.labels(key.subject.value).observe(time.perf_counter() - started)
        if again_in is not None:
            self._queue.add(key, again_in)
        return True

    def _failed(self, key: Key, error: str) -> None:
        FAILURES.labels(key.subject.value).inc()
        tries = self._queue.failures(key) + 1
        log.warning("a reconcile failed and is tried again", extra=_named(key) | {"error": error, "tries": tries})


def _named(key: Key) -> dict[str, str]:
    return {"subject": key.subject.value, "namespace": key.namespace, "object": key.name}
