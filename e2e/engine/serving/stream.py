"""What a request gets from the engine: generated tokens, several at once when it reads slowly."""

import asyncio
from dataclasses import dataclass

from e2e.engine.core.sequence import Finish, Sequence


class EngineDeadError(Exception):
    """The engine has died; nothing more will come."""

    def __init__(self) -> None:
        super().__init__("EngineCore encountered an issue. See stack trace (above) for the root cause.")


@dataclass(frozen=True, slots=True)
class Delta:
    """The tokens from `start` up to, and without, `stop`; the last delta says how the sequence finished."""

    start: int
    stop: int
    finish: Finish | None


class Stream:
    """One sequence's way out of the engine."""

    def __init__(self, sequence: Sequence) -> None:
        self.sequence = sequence
        self._read = 0
        self._written = 0
        self._finish: Finish | None = None
        self._failed = False
        self._ended = False
        self._news = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Whether the last delta was read."""
        return self._ended

    def push(self) -> None:
        """Deliver one token."""
        self._written += 1
        self._news.set()

    def end(self, finish: Finish) -> None:
        """Deliver the end."""
        self._finish = finish
        self._news.set()

    def fail(self) -> None:
        """Deliver the death of the engine."""
        self._failed = True
        self._news.set()

    async def next(self) -> Delta:
        """Return what came since the last call, waiting for something; raise EngineDeadError when the engine died."""
        await self._news.wait()
        self._news.clear()
        if self._failed:
            raise EngineDeadError
        delta = Delta(start=self._read, stop=self._written, finish=self._finish)
        self._read = self._written
        self._ended = delta.finish is not None
        return delta
