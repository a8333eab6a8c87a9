"""Clients that send large bodies and never finish them, over HTTP/1 and HTTP/2."""

import socket
import threading
from collections.abc import Mapping
from typing import Self

from tests.envoy.client_listener import ALICE, CHAT
from tests.envoy.envoy_process import LOOPBACK
from tests.envoy.http2 import DATA, END_HEADERS, GOAWAY, HEADERS, PREFACE, RESET, SETTINGS, block, frame, frames_in

START = b'{"model": "chat", "x": "'
PIECE = 16384
WINDOW_UPDATE = 8
FIRST_WINDOW = 65535
LOOK_SECONDS = 0.01


class SlowBody:
    """One of them: it sends *most* bytes of a body that should have more, then nothing, from entering its context."""

    def __init__(self, port: int, *, most: int) -> None:
        self.answer: bytes | None = None
        """answer is what ended it: the start of an answer, `b"reset"` or `b"closed"`; None while it is open."""
        self.sent = 0
        self._most = most
        self._port = port
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with socket.create_connection((LOOPBACK, self._port), timeout=LOOK_SECONDS) as connection:
                self._begin(connection)
                while self.answer is None and not self._left.is_set():
                    self._look(connection)
                    self._send(connection)
        except OSError:
            self.answer = self.answer or b"closed"

    def _look(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(65536)
        except TimeoutError:
            return
        if received:
            self._read(received)
        else:
            self.answer = b"closed"

    def _room(self) -> int:
        """Return how much may be sent now."""
        return min(PIECE, self._most - self.sent)

    def _send(self, connection: socket.socket) -> None:
        if self.answer is None and (room := self._room()) > 0:
            connection.settimeout(None)
            connection.sendall(self._packed(b"x" * room))
            connection.settimeout(LOOK_SECONDS)
            self.sent += room

    def _begin(self, connection: socket.socket) -> None:
        raise NotImplementedError

    def _packed(self, piece: bytes) -> bytes:
        raise NotImplementedError

    def _read(self, received: bytes) -> None:
        raise NotImplementedError


class OverHttp1(SlowBody):
    """A body whose length is stated."""

    def _begin(self, connection: socket.socket) -> None:
        names = {"host": "x", "content-type": "application/json", "authorization": f"Bearer {ALICE}"}
        lines = [f"{name}: {value}" for name, value in names.items()]
        head = "\r\n".join([f"POST {CHAT} HTTP/1.1", *lines, f"content-length: {self._most + 1000}", "", ""])
        connection.sendall(head.encode() + START)

    def _packed(self, piece: bytes) -> bytes:
        return piece

    def _read(self, received: bytes) -> None:
        self.answer = received[:12]


class OverHttp2(SlowBody):
    """One stream of a connection, which heeds both windows."""

    def __init__(self, port: int, *, most: int) -> None:
        super().__init__(port, most=most)
        self._received = b""
        self._windows = {0: FIRST_WINDOW, 1: FIRST_WINDOW}

    def _begin(self, connection: socket.socket) -> None:
        names: Mapping[str, str] = {
            ":method": "POST",
            ":path": CHAT,
            ":scheme": "http",
            ":authority": "x",
            "content-type": "application/json",
            "authorization": f"Bearer {ALICE}",
        }
        opened = PREFACE + frame(SETTINGS, 0, b"", stream=0) + frame(HEADERS, END_HEADERS, block(names))
        connection.sendall(opened + frame(DATA, 0, START))
        self._windows = {stream: window - len(START) for stream, window in self._windows.items()}

    def _room(self) -> int:
        return min(super()._room(), *self._windows.values())

    def _packed(self, piece: bytes) -> bytes:
        self._windows = {stream: window - len(piece) for stream, window in self._windows.items()}
        return frame(DATA, 0, piece)

    def _read(self, received: bytes) -> None:
        found, self._received = frames_in(self._received + received)
        for kind, stream, payload in found:
            if kind == WINDOW_UPDATE:
                self._windows[stream] += int.from_bytes(payload, "big")
            elif kind == SETTINGS:
                self._windows[1] += _first_window(payload) - FIRST_WINDOW
            elif kind in (RESET, GOAWAY):
                self.answer = b"reset"


def _first_window(settings: bytes) -> int:
    """Return the window of a new stream, where the settings name it."""
    entries = (settings[at : at + 6] for at in range(0, len(settings), 6))
    named = {int.from_bytes(entry[:2], "big"): int.from_bytes(entry[2:], "big") for entry in entries}
    return named.get(4, FIRST_WINDOW)
