"""A way to the API server that tests can interrupt: TCP through loopback."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CHUNK = 65536
LOOPBACK = "127.0.0.1"


@dataclass(eq=False, slots=True)
class _Connection:
    """Both ends of one connection, on their way through."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    is_silent: bool = False

    def abort(self) -> None:
        for end in self.ends:
            end.transport.abort()

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            if not self.is_silent:
                sink.write(data)
                await sink.drain()
        sink.close()


@dataclass(slots=True)
class Proxy:
    """Passes connections on; its methods may be called from any thread."""

    host: str
    port: int
    address: str = ""
    """address is for a kubeconfig."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _connections: set[_Connection] = field(default_factory=set)
    _is_open: bool = True

    def cut(self) -> None:
        """End every connection, and every new one at once, until `mend`."""
        self._is_open = False
        self._each(_Connection.abort)

    def mend(self) -> None:
        """Pass on new connections again."""
        self._is_open = True

    def fall_silent(self) -> None:
        """Leave every connection open, and pass nothing on in any of them ever again; new ones work."""

        def silence(connection: _Connection) -> None:
            connection.is_silent = True

        self._each(silence)

    def run(self, started: threading.Event) -> None:
        """Serve until the loop is stopped."""
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, LOOPBACK, 0))
        self.address = f"https://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        started.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._finish())
        self._loop.close()

    def stop(self) -> None:
        """End every connection, and the loop."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _each(self, change: Callable[[_Connection], None]) -> None:
        done = threading.Event()

        def change_all() -> None:
            for connection in self._connections:
                change(connection)
            done.set()

        self._loop.call_soon_threadsafe(change_all)
        done.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((writer, far_writer))
        if not self._is_open:  # it was cut meanwhile
            connection.abort()
            return
        self._connections.add(connection)
        pumps = (connection.pump(reader, far_writer), connection.pump(far_reader, writer))
        await asyncio.gather(*pumps, return_exceptions=True)
        connection.abort()
        self._connections.discard(connection)

    async def _finish(self) -> None:
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # what is just being accepted begins a task
            await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def proxy(server: str) -> Iterator[Proxy]:
    """Run a proxy to the API server at *server*, an `https://` address."""
    target = urlsplit(server)
    running, started = Proxy(str(target.hostname), int(target.port or 443)), threading.Event()
    thread = threading.Thread(target=running.run, args=(started,))
    thread.start()
    started.wait()
    try:
        yield running
    finally:
        running.stop()
        thread.join()
