"""Stand-in engines on loopback that behave as they are told, and remember what they were asked."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

LOOPBACK = "127.0.0.1"


@dataclass
class Behaviour:
    """How an engine answers; `mode` is "answer", "reset" or "hang"."""

    status: int = 200
    mode: str = "answer"
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass
class Engine:
    """One stand-in; answers carry its name in `x-engine`."""

    name: str
    port: int = 0
    behaviour: Behaviour = field(default_factory=Behaviour)
    asked: list[Asked] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    gone: int = 0
    """gone counts requests whose client went away before the answer."""

    def reset(self, **behaviour: Any) -> None:
        """Forget what was asked, and behave like this from now on."""
        self.behaviour = Behaviour(**behaviour)
        self.asked.clear()
        self.most_running = self.running
        self.gone = 0


class _Connection(asyncio.Protocol):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._received = b""
        self._busy: asyncio.TimerHandle | bool = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._busy:
            self._engine.gone += 1
            self._done()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if ": " in line)}
        length = int(headers.get("content-length", 0))
        if "transfer-encoding" in headers:
            if not rest.endswith(b"0\r\n\r\n"):
                return
            rest, length = _unchunked(rest), -1
        if length >= 0 and len(rest) < length:
            return
        self._received = b"" if length < 0 else rest[length:]
        self._engine.asked.append(Asked(first.split()[1], headers, rest if length < 0 else rest[:length]))
        self._begin()

    def _begin(self) -> None:
        engine, behaviour = self._engine, self._engine.behaviour
        engine.running += 1
        engine.most_running = max(engine.most_running, engine.running)
        self._busy = True
        if behaviour.mode == "reset":
            self._done()
            self._transport.abort()
        elif behaviour.mode == "answer":
            loop = asyncio.get_running_loop()
            self._busy = loop.call_later(behaviour.delay, self._answer, behaviour)

    def _answer(self, behaviour: Behaviour) -> None:
        self._done()
        body = behaviour.body if behaviour.body is not None else json.dumps({"engine": self._engine.name}).encode()
        headers = {"content-type": "application/json", "x-engine": self._engine.name, **behaviour.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {behaviour.status} Status\r\ncontent-length: {len(body)}\r\n{lines}\r\n"
        self._transport.write(head.encode() + body)

    def _done(self) -> None:
        if isinstance(self._busy, asyncio.TimerHandle):
            self._busy.cancel()
        self._busy = False
        self._engine.running -= 1


def _unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        count = int(size, 16)
        body, data = body + data[:count], data[count + 2 :]
    return body


class Engines:
    """Engines that share one thread; `engine` starts another one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._engines: dict[str, Engine] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __getitem__(self, name: str) -> Engine:
        return self._engines[name]

    def engine(self, name: str, tls: ssl.SSLContext | None = None) -> Engine:
        """Start an engine on a port of its own."""
        engine = Engine(name)
        server = self._run(lambda: self._serve(engine, tls))
        engine.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        self._engines[name] = engine
        return engine

    def stop(self) -> None:
        """End all of them."""
        self._run(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, engine: Engine, tls: ssl.SSLContext | None) -> asyncio.Server:
        return await self._loop.create_server(lambda: _Connection(engine), LOOPBACK, 0, ssl=tls, backlog=4096)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        await asyncio.sleep(0)

    def _run(self, make: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(10)


@contextmanager
def engines() -> Iterator[Engines]:
    """Yield a place to start engines in, which ends with its context."""
    started = Engines()
    try:
        yield started
    finally:
        started.stop()
