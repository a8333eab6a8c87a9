"""
One engine rank in real time.

The scheduler's steps have exact ends on the engine's clock; the loop wakes at such ends, but no more often than once a
tick, and then applies every step that has ended. So latencies in the metrics do not depend on the tick, clients get a
few tokens at once when steps are shorter than it, and an engine without work has no timer at all.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from e2e.engine.core.scheduler import Scheduler, Step
from e2e.engine.core.sequence import Finish, Sequence
from e2e.engine.metrics.recorder import Load, Recorder, load
from e2e.engine.serving.stream import EngineDeadError, Stream

_BREATH_STEPS = 64
"""Steps applied in a row before other tasks get a turn, when the machine is too slow to keep up."""
_MOST_BEHIND_SECONDS = 1.0


@dataclass(slots=True)
class Engine:
    """A scheduler, its series, and the streams of its sequences."""

    scheduler: Scheduler
    recorder: Recorder
    tick_seconds: float
    load: Load = field(default_factory=Load)
    paused: bool = False
    hung: bool = False
    dead: bool = False
    _inbox: deque[Sequence] = field(default_factory=deque)
    _streams: dict[Sequence, Stream] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _clock: float = 0.0
    _woken: float = 0.0

    @property
    def in_flight(self) -> int:
        """Sequences that were submitted and have not ended."""
        return len(self._streams)

    def streams(self) -> list[Stream]:
        """Return the streams that have not ended."""
        return list(self._streams.values())

    def submit(self, sequence: Sequence) -> Stream:
        """Queue *sequence* and return its stream; raise EngineDeadError on a dead engine."""
        if self.dead:
            raise EngineDeadError
        stream = self._streams[sequence] = Stream(sequence)
        self._inbox.append(sequence)
        self._idle.clear()
        self._wake.set()
        return stream

    def abort(self, stream: Stream, finish: Finish = "abort") -> None:
        """End *stream* now, whatever it was doing; nothing is counted, as when a client goes away."""
        sequence = stream.sequence
        if self._streams.pop(sequence, None) is None:
            return
        if sequence in self._inbox:
            self._inbox.remove(sequence)
        elif not self.hung:
            self.scheduler.abort(sequence)
        stream.end(finish)
        self._publish()
        self._wake.set()

    def pause(self, *, paused: bool) -> None:
        """Stop or go on; what arrives while stopped waits and shows in no gauge."""
        self.paused = paused
        self._wake.set()

    def die(self) -> None:
        """Fail every stream; nothing is accepted afterwards."""
        self.dead = True
        for stream in self._streams.values():
            stream.fail()
        self._streams.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Wait until nothing is in flight."""
        while self._streams:
            self._idle.clear()
            await self._idle.wait()

    async def run(self) -> None:
        """Let time pass, for ever or until the engine is dead."""
        while not self.dead:
            if self.hung or self.paused or not self._has_work():
                self._wake.clear()
                await self._wake.wait()
            else:
                await self._advance()

    def _has_work(self) -> bool:
        return bool(self._inbox or self.scheduler.unfinished)

    async def _advance(self) -> None:
        """Apply steps until the next one lies in the future, and wait for its end."""
        now = time.monotonic()
        if self.scheduler.unfinished and now - self._clock > _MOST_BEHIND_SECONDS:
            self._clock = now - self.tick_seconds
        for _ in range(_BREATH_STEPS):
            self._take_arrivals()
            step = self.scheduler.plan(self._clock)
            if step is None:
                break
            end = self._clock + step.seconds
            if end > time.monotonic():
                self._publish()
                await self._sleep_until(max(end, self._woken + self.tick_seconds))
            self._clock = end
            self._apply(step)
            if self.hung or self.paused or self.dead:
                return
        self._publish()
        await asyncio.sleep(0)

    def _take_arrivals(self) -> None:
        if not self.scheduler.unfinished and self._inbox:
            self._clock = max(self._clock, self._inbox[0].arrived)
        while self._inbox and self._inbox[0].arrived <= self._clock:
            self.scheduler.add(self._inbox.popleft())

    async def _sleep_until(self, when: float) -> None:
        await asyncio.sleep(max(when - time.monotonic(), 0.0))
        self._woken = time.monotonic()

    def _apply(self, step: Step) -> None:
        if self.hung:
            return
        advances = self.scheduler.complete(step, self._clock)
        self.recorder.step(advances, self.scheduler.counts)
        for advance in advances:
            stream = self._streams[advance.sequence]
            stream.push()
            if advance.finished:
                del self._streams[advance.sequence]
                stream.end(advance.sequence.finish)
        if not self._streams:
            self._idle.set()

    def _publish(self) -> None:
        if self.hung:
            return
        self.load = load(self.scheduler)
        self.recorder.publish(self.load, running=self.scheduler.running, waiting=self.scheduler.waiting)
        if not self._streams:
            self._idle.set()
