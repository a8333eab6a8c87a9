"""
A closed-loop load: so many connections, each with one request at a time, until all were answered.

`python -m benchmarks.gateway.load --port 8080 --connections 50 --requests 20000 [--stream] [--key …]` prints one line
of JSON: answers by status, requests per second, and percentiles of the time to the body's first byte in milliseconds.
"""

import argparse
import asyncio
import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle

from benchmarks.gateway.limits import most_files

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"


@dataclass(slots=True)
class Tally:
    """What came back."""

    wanted: int
    started: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    first_byte: list[float] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0


class Client(asyncio.Protocol):
    """One connection, which asks again until there is nothing left to ask."""

    def __init__(self, requests: Iterator[bytes], tally: Tally, done: asyncio.Event) -> None:
        self._requests, self._tally, self._done = requests, tally, done
        self._received, self._head_ends = bytearray(), -1
        self._asked_at, self._is_asking = 0.0, False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        """Count an answer that was cut off."""
        if self._is_asking:
            self._finish("broken")

    def data_received(self, data: bytes) -> None:
        """Take in a part of an answer."""
        self._received += data
        if self._head_ends < 0:
            self._head_ends = self._received.find(b"\r\n\r\n")
            if self._head_ends < 0:
                return
        if len(self._received) > self._head_ends + 4:
            self._note_first_byte()
        if self._is_whole():
            self._finish(self._received[9:12].decode())
            self._ask()

    def _ask(self) -> None:
        if self._tally.started >= self._tally.wanted:
            self._transport.close()
            return
        self._tally.started += 1
        self._tally.open_now += 1
        self._tally.most_open = max(self._tally.most_open, self._tally.open_now)
        self._received.clear()
        self._head_ends, self._asked_at, self._is_asking = -1, time.perf_counter(), True
        self._transport.write(next(self._requests))

    def _note_first_byte(self) -> None:
        if self._asked_at:
            self._tally.first_byte.append(time.perf_counter() - self._asked_at)
            self._asked_at = 0.0

    def _is_whole(self) -> bool:
        head = bytes(self._received[: self._head_ends])
        if CHUNKED.search(head):
            return self._received.endswith(LAST_CHUNK)
        length = LENGTH.search(head)
        return len(self._received) >= self._head_ends + 4 + int(length[1] if length else 0)

    def _finish(self, outcome: str) -> None:
        self._is_asking = False
        self._tally.open_now -= 1
        self._tally.statuses[outcome] += 1
        if self._tally.statuses.total() >= self._tally.wanted:
            self._done.set()


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return one request as it is sent."""
    lines = {"host": "gateway", "content-type": "application/json", "content-length": str(len(body))} | headers
    return f"POST {path} HTTP/1.1\r\n".encode() + b"".join(_lines(lines)) + b"\r\n" + body


def _lines(headers: dict[str, str]) -> Iterator[bytes]:
    return (f"{name}: {value}\r\n".encode() for name, value in headers.items())


async def run(port: int, sent: Iterable[bytes], *, connections: int, requests: int, ramp_seconds: float = 0.0) -> Tally:
    """
    Return the tally of *requests* requests over *connections* connections, opened within *ramp_seconds*.

    They are those of *sent*, again and again.
    """
    tally, done, loop = Tally(requests), asyncio.Event(), asyncio.get_running_loop()
    turns = cycle(sent)
    began = loop.time()
    for number in range(connections):
        await loop.create_connection(lambda: Client(turns, tally, done), "127.0.0.1", port)
        await asyncio.sleep(max(0.0, began + ramp_seconds * number / connections - loop.time()))
    await done.wait()
    return tally


def percentile(values: list[float], share: float) -> float:
    """Return the value that *share* of *values* do not exceed, 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def main() -> None:
    """Load as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--ramp", type=float, default=0.0, help="seconds over which connections are opened")
    parser.add_argument("--model", default="chat")
    parser.add_argument("--models", type=int, default=0, help="go round so many models, which are called MODEL-0, …")
    parser.add_argument("--key", default="")
    parser.add_argument("--stream", action="store_true")
    given = parser.parse_args()
    most_files()
    sent = list(_sent(given))
    began = time.perf_counter()
    tally = asyncio.run(
        run(given.port, sent, connections=given.connections, requests=given.requests, ramp_seconds=given.ramp)
    )
    print(json.dumps(_summary(tally, time.perf_counter() - began)))


def _sent(given: argparse.Namespace) -> Iterator[bytes]:
    message = {"role": "user", "content": "What is the capital of France? Answer with one word."}
    body = {"messages": [message], "max_tokens": 16, "stream": given.stream}
    headers = {"authorization": f"Bearer {given.key}"} if given.key else {}
    for model in [f"{given.model}-{number}" for number in range(given.models)] or [given.model]:
        yield request("/v1/chat/completions", json.dumps({"model": model, **body}).encode(), headers)


def _summary(tally: Tally, seconds: float) -> dict[str, object]:
    return {
        "statuses": dict(tally.statuses),
        "requests_per_second": round(tally.statuses.total() / seconds),
        "most_open": tally.most_open,
        "first_byte_ms": {
            f"p{share:g}": round(1000 * percentile(tally.first_byte, share / 100), 2) for share in (50, 95, 99)
        },
    }


if __name__ == "__main__":
    main()
