"""A constant load of streamed completions, and what became of each stream."""

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from e2e.lab import Lab

DONE = "[DONE]"
CLIENT_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
REACH_SECONDS, REACH_PAUSE_SECONDS = 15, 0.1


@dataclass(slots=True)
class Outcome:
    """What one client saw of its stream."""

    finish_reason: str | None = None
    is_done: bool = False
    tokens: int = 0
    error: str = ""

    @property
    def is_whole(self) -> bool:
        """Return whether the stream ended as the engine meant it to."""
        return self.is_done and not self.error and self.finish_reason not in (None, "abort")

    def __str__(self) -> str:
        return self.error or f"finish_reason={self.finish_reason} [DONE]={self.is_done}"


@dataclass
class Load:
    """Keeps *clients* streams of *tokens* tokens open against a fleet's Service while its context is open."""

    lab: Lab
    url: str
    model: str
    clients: int
    tokens: int
    key: str = ""
    """key is what a gateway asks for; a fleet's Service asks for none."""
    outcomes: list[Outcome] = field(default_factory=list)
    opened: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="load")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Open no more streams, and wait for those that are open."""
        self.finish()
        self._thread.join()

    def finish(self) -> None:
        """Open no more streams; returns while the last ones are still open."""
        self._stop.set()

    @property
    def broken(self) -> list[str]:
        """Return the endings of streams that were cut off, refused or aborted."""
        return [
            f"{count} × {ending}" for ending, count in Counter(str(o) for o in self.outcomes if not o.is_whole).items()
        ]

    def _run(self) -> None:
        with self.lab.network():
            asyncio.run(self._serve_clients())

    async def _serve_clients(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        async with aiohttp.ClientSession(connector=connector, timeout=CLIENT_TIMEOUT, headers=headers) as session:
            await self._reach(session)
            await asyncio.gather(*(self._client(session, number) for number in range(self.clients)))

    async def _reach(self, session: aiohttp.ClientSession) -> None:
        """Wait until the Service leads somewhere: a fleet is Ready a moment before the node's proxy knows its pods."""
        deadline = time.monotonic() + REACH_SECONDS
        while time.monotonic() < deadline:
            try:
                async with session.get(f"{self.url}/models"):
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(REACH_PAUSE_SECONDS)

    async def _client(self, session: aiohttp.ClientSession, number: int) -> None:
        await asyncio.sleep(number / self.clients)
        while not self._stop.is_set():
            self.opened += 1
            self.outcomes.append(await self._stream(session))

    async def _stream(self, session: aiohttp.ClientSession) -> Outcome:
        outcome = Outcome()
        body = {"model": self.model, "prompt": "ping", "stream": True, "max_tokens": self.tokens, "ignore_eos": True}
        try:
            async with session.post(f"{self.url}/completions", json=body) as answer:
                if answer.status != 200:
                    outcome.error = f"HTTP {answer.status}: {(await answer.text())[:200]}"
                    return outcome
                async for line in answer.content:
                    _take(line.decode().strip(), outcome)
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome.error = f"{type(error).__name__}: {error}"
        return outcome


def complete(lab: Lab, url: str, model: str, *, tokens: int = 20) -> Outcome:
    """Stream one completion of *tokens* tokens, and return how it ended."""
    load = Load(lab, url, model, clients=1, tokens=tokens)
    with load:
        while not load.opened:
            time.sleep(0.01)
    return load.outcomes[0]


def _take(line: str, outcome: Outcome) -> None:
    if not line.startswith("data: "):
        return
    data = line.removeprefix("data: ")
    if data == DONE:
        outcome.is_done = True
        return
    event = json.loads(data)
    if "error" in event:
        outcome.error = f"error in stream: {event['error']}"
    for choice in event.get("choices", ()):
        outcome.tokens += 1
        outcome.finish_reason = choice.get("finish_reason") or outcome.finish_reason
