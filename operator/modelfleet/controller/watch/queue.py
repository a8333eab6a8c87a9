"""
Keys that wait for a reconcile.

- A key is pending at most once, with the earliest deadline anybody asked for, so that bursts coalesce and nobody waits
  longer than asked.
- A key is never given out twice at once; what is added meanwhile is given out after `done`.
- A key that failed comes again after a time that doubles, with jitter, and is asked for at once by any new event.
"""

import asyncio
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Times between two tries, in seconds: doubling from *first* up to *longest*, each shortened by up to a half."""

    first: float = 0.5
    longest: float = 300.0

    def seconds(self, failures: int, jitter: float) -> float:
        """Return the time to wait after so many *failures* in a row; *jitter* is from 0 to 1."""
        full = min(self.longest, self.first * 2.0 ** min(failures - 1, 32))
        return full * (0.5 + 0.5 * jitter)


class KeyedQueue(Generic[Key]):
    """A queue for many adders and many workers in one event loop; time is the loop's."""

    def __init__(self, *, backoff: Backoff | None = None, jitter: Callable[[], float] = random.random) -> None:
        self._backoff = backoff or Backoff()
        self._jitter = jitter
        self._heap: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._busy: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._order = itertools.count()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Ask for *key* in *delay* seconds; an earlier request that is pending stands."""
        when = _now() + delay
        if when >= self._due.get(key, float("inf")):
            return
        self._due[key] = when
        if key not in self._busy:
            self._push(key, when)

    async def get(self) -> Key:
        """Return the key that has been due for longest, waiting until there is one; the caller must call `done`."""
        while (key := self._take()) is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                self._give_up(waiter)
                raise
        return key

    def done(self, key: Key, *, failed: bool = False) -> None:
        """Give *key* back; after a failure it comes again with backoff."""
        if failed:
            self._failures[key] = self._failures.get(key, 0) + 1
            self.add(key, self._backoff.seconds(self._failures[key], self._jitter()))
        else:
            self._failures.pop(key, None)
        self._busy.discard(key)
        if key in self._due:
            self._push(key, self._due[key])

    def failures(self, key: Key) -> int:
        """Return how many times in a row *key* has failed."""
        return self._failures.get(key, 0)

    @property
    def depth(self) -> int:
        """Return how many keys are pending, due or not."""
        return len(self._due)

    @property
    def busy(self) -> int:
        """Return how many keys are being worked on."""
        return len(self._busy)

    def oldest_seconds(self) -> float:
        """Return for how long the most overdue key has been waiting; 0 when none is due."""
        return max(0.0, _now() - min(self._due.values())) if self._due else 0.0

    def _push(self, key: Key, when: float) -> None:
        heapq.heappush(self._heap, (when, next(self._order), key))
        self._wake()

    def _take(self) -> Key | None:
        """Return a key that is due and free, or set the alarm for the next one."""
        now = _now()
        while self._heap:
            when, _, key = self._heap[0]
            if self._due.get(key) == when and key not in self._busy and when > now:
                self._set_alarm(when)
                return None
            heapq.heappop(self._heap)
            if self._due.get(key) != when or key in self._busy:
                continue  # asked for earlier since, or pushed again by `done` later
            del self._due[key]
            self._busy.add(key)
            self._wake()
            return key
        return None

    def _set_alarm(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(when, self._wake)

    def _wake(self) -> None:
        """Let one waiting worker look again; it wakes the next one when it finds something."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _give_up(self, waiter: "asyncio.Future[None]") -> None:
        """Leave the line; a wake-up that was already given goes to the next in it."""
        if waiter.done() and not waiter.cancelled():
            self._wake()
        elif waiter in self._waiters:
            self._waiters.remove(waiter)


def _now() -> float:
    return asyncio.get_running_loop().time()
