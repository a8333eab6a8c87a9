"""The server's side of its engines: admission, balancing over data-parallel ranks, and what a shutdown refuses."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from e2e.engine.core.sequence import Finish, Sequence
from e2e.engine.metrics.values import Store
from e2e.engine.serving.engine import Engine
from e2e.engine.serving.stream import Stream

_WAITING_WEIGHT = 4
"""A waiting request weighs as much as four running ones when a rank is chosen, as in vLLM's balancer."""


class ShuttingDownError(Exception):
    """New work after SIGTERM."""

    def __init__(self) -> None:
        super().__init__("cannot schedule new futures after shutdown")


class QueueFullError(Exception):
    """More in flight than `--max-num-queued-reqs` or `--max-num-queued-tokens` allow."""

    def __init__(self, reason: str, limit: int) -> None:
        super().__init__(f"The server is overloaded: {reason} ({limit}) was reached. Please retry later.")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Admission:
    """Limits on what is in flight, over all ranks; None is no limit."""

    requests: int | None = None
    tokens: int | None = None


class EngineClient:
    """All engines of a server as one."""

    def __init__(self, engines: Iterable[Engine], *, admission: Admission, store: Store) -> None:
        self.engines = tuple(engines)
        self.draining = False
        self.death = asyncio.Event()
        self._admission = admission
        self._store = store

    @property
    def in_flight(self) -> int:
        """Sequences submitted and not ended."""
        return sum(engine.in_flight for engine in self.engines)

    @property
    def dead(self) -> bool:
        """Whether an engine has died."""
        return any(engine.dead for engine in self.engines)

    @property
    def paused(self) -> bool:
        """Whether the engines sleep or were paused."""
        return any(engine.paused for engine in self.engines)

    def submit(self, sequences: list[Sequence]) -> list[Stream]:
        """Queue *sequences*, of one request; raise ShuttingDownError, QueueFullError or EngineDeadError."""
        if self.draining:
            raise ShuttingDownError
        self._admit(sequences)
        return [self._least_busy().submit(sequence) for sequence in sequences]

    def abort(self, streams: Iterable[Stream], finish: Finish = "abort") -> None:
        """End *streams* that have not ended."""
        for stream in streams:
            for engine in self.engines:
                engine.abort(stream, finish)

    def abort_all(self) -> None:
        """End everything in flight with the finish reason `abort`."""
        for engine in self.engines:
            self.abort(engine.streams())

    def pause(self, *, paused: bool) -> None:
        """Stop or resume every engine."""
        for engine in self.engines:
            engine.pause(paused=paused)

    def hang(self) -> None:
        """Freeze every engine for ever."""
        for engine in self.engines:
            engine.hung = True

    def die(self) -> None:
        """Let every engine die."""
        for engine in self.engines:
            engine.die()
        self.death.set()

    async def drained(self) -> None:
        """Wait until nothing is in flight."""
        for engine in self.engines:
            await engine.drained()

    def reset_prefix_cache(self) -> bool:
        """Empty the prefix caches; False when one is in use."""
        return min([engine.scheduler.cache.forget() for engine in self.engines])

    def _admit(self, sequences: list[Sequence]) -> None:
        limits = self._admission
        if limits.requests is not None and self.in_flight + len(sequences) > limits.requests:
            self._reject("max_num_queued_reqs", limits.requests)
        if limits.tokens is not None and self._prefill_tokens() >= limits.tokens:
            self._reject("max_num_queued_tokens", limits.tokens)

    def _reject(self, reason: str, limit: int) -> None:
        self._store.number("vllm:admission_rejections", reason).add(1)
        raise QueueFullError(reason, limit)

    def _prefill_tokens(self) -> int:
        streams = (stream.sequence for engine in self.engines for stream in engine.streams())
        return sum(len(sequence.prompt) for sequence in streams if sequence.first_token is None)

    def _least_busy(self) -> Engine:
        return min(self.engines, key=lambda engine: engine.in_flight + (_WAITING_WEIGHT - 1) * engine.load.waiting)
