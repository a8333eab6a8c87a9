"""One request over HTTP/2, in frames that no proper client would send."""

import socket
import struct
from collections.abc import Mapping

from tests.envoy.engines import LOOPBACK

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
INDEXED_STATUS = {0x88: 200, 0x8C: 400, 0x8D: 404}
SECONDS = 10


def exchange(
    port: int, headers: Mapping[str, str], body: bytes, *, trailers: Mapping[str, str] | None = None
) -> int | None:
    """Return the status of the answer, 500 for one that is in no table, or None where the stream is reset."""
    with socket.create_connection((LOOPBACK, port), timeout=SECONDS) as connection:
        opened = PREFACE + frame(SETTINGS, 0, b"", stream=0) + frame(HEADERS, END_HEADERS, block(headers))
        sent = frame(DATA, END_STREAM if trailers is None else 0, body)
        behind = b"" if trailers is None else frame(HEADERS, END_HEADERS | END_STREAM, block(trailers))
        connection.sendall(opened + sent + behind)
        return _status(connection)


def frames_in(received: bytes) -> tuple[list[tuple[int, int, bytes]], bytes]:
    """Return the kind, stream and payload of each whole frame, and what is left."""
    found = []
    while len(received) >= 9 and len(received) >= (size := 9 + int.from_bytes(received[:3], "big")):
        found.append((received[3], int.from_bytes(received[5:9], "big"), received[9:size]))
        received = received[size:]
    return found, received


def _status(connection: socket.socket) -> int | None:
    received = b""
    while True:
        found, received = frames_in(received)
        for kind, _, payload in found:
            if kind in (RESET, GOAWAY):
                return None
            if kind == HEADERS:
                return INDEXED_STATUS.get(payload[0], 500)
        try:
            more = connection.recv(65536)
        except ConnectionResetError:
            return None
        if not more:
            return None
        received += more


def frame(kind: int, flags: int, payload: bytes, *, stream: int = 1) -> bytes:
    """Return one frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(headers: Mapping[str, str]) -> bytes:
    """Return *headers* as literals without an index or Huffman's code; each text is shorter than 127 bytes."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in headers.items())


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()
