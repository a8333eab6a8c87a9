"""A way to the API server that tests can interrupt: TCP through loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CHUNK = 65536
LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Proxy:
    """Passes connections on to *target*; thread-safe."""

    target: tuple[str, int]
    listener: socket.socket
    _pairs: list["_Pair"] = field(default_factory=list)
    _is_open: bool = True

    @property
    def address(self) -> str:
        """Return the address for a kubeconfig."""
        return f"https://{LOOPBACK}:{self.listener.getsockname()[1]}"

    def cut(self) -> None:
        """End every connection, and every new one at once, until `mend`."""
        self._is_open = False
        for pair in self._pairs:
            pair.close()
        self._pairs.clear()

    def mend(self) -> None:
        """Pass on new connections again."""
        self._is_open = True

    def fall_silent(self) -> None:
        """Leave every connection open, and pass nothing on in any of them ever again; new ones work."""
        for pair in self._pairs:
            pair.is_silent = True

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self._is_open:
                near.close()
                continue
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            pair = _Pair(near, far)
            self._pairs.append(pair)
            pair.start()


@dataclass(slots=True)
class _Pair:
    """Two ends of one connection."""

    near: socket.socket
    far: socket.socket
    is_silent: bool = False

    def start(self) -> None:
        for source, sink in ((self.near, self.far), (self.far, self.near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        for end in (self.near, self.far):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(CHUNK):
                if not self.is_silent:
                    sink.sendall(data)
        except OSError:
            pass
        finally:
            if not self.is_silent:
                self.close()
                source.close()


@contextmanager
def proxy(server: str) -> Iterator[Proxy]:
    """Run a proxy to the API server at *server*, an `https://` address."""
    address = urlsplit(server)
    with socket.create_server((LOOPBACK, 0)) as listener:
        running = Proxy((str(address.hostname), int(address.port or 443)), listener)
        thread = threading.Thread(target=running.serve, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            running.cut()
            thread.join()
