"""
An engine that costs nearly nothing: OpenAI-shaped answers over raw sockets, whole or as a stream of events.

`python -m benchmarks.gateway.mock_engine --port 9000 9001 --events 16 --interval 0`; each port is a replica, which says
its port in the header `x-replica`.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks.gateway.limits import most_files

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STREAMED = re.compile(rb'"stream": *true')
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 16,
    "total_tokens": 28,
    "prompt_tokens_details": {"cached_tokens": 8},
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What every request gets."""

    whole: bytes
    head: bytes
    events: tuple[bytes, ...]
    interval: float
    """Seconds between two events; 0 sends all of them at once."""
    delay: float
    """Seconds before a whole answer."""


def answers(port: int, *, events: int, interval: float, delay: float) -> Answers:
    """Return what the replica at *port* answers: *events* events in a stream, usage and `[DONE]` among them."""
    message = {"role": "assistant", "content": "token " * events}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    body = json.dumps({"object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()
    texts = [{"choices": [{"index": 0, "delta": {"content": "token "}}]} for _ in range(max(events - 2, 1))]
    head = b"HTTP/1.1 200 OK\r\nx-replica: %d\r\ncontent-type: " % port
    said = [*(json.dumps(text) for text in texts), json.dumps({"choices": [], "usage": USAGE}), "[DONE]"]
    return Answers(
        whole=head + b"application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body,
        head=head + b"text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        events=tuple(_chunk(f"data: {text}\n\n".encode()) for text in said),
        interval=interval,
        delay=delay,
    )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class MockEngine(asyncio.Protocol):
    """One connection, with one request at a time, as HTTP/1.1 without pipelining is."""

    def __init__(self, given: Answers) -> None:
        self._answers = given
        self._received = b""
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """Stop a stream that nobody reads."""
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not found or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        self._answer(is_streamed=STREAMED.search(body) is not None)

    def _answer(self, *, is_streamed: bool) -> None:
        if not is_streamed:
            self._after(self._answers.delay, lambda: self._transport.write(self._answers.whole))
        elif self._answers.interval:
            self._transport.write(self._answers.head)
            self._next(0)
        else:
            self._transport.write(self._answers.head)
            for event in self._answers.events:
                self._transport.write(event)
            self._transport.write(b"0\r\n\r\n")

    def _next(self, number: int) -> None:
        if number == len(self._answers.events):
            self._transport.write(b"0\r\n\r\n")
            return
        self._transport.write(self._answers.events[number])
        self._timer = asyncio.get_running_loop().call_later(self._answers.interval, self._next, number + 1)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        if seconds:
            self._timer = asyncio.get_running_loop().call_later(seconds, act)
        else:
            act()


async def serve(replicas: Mapping[int, Answers]) -> None:
    """Serve *replicas*, by port, on loopback until cancelled."""
    loop = asyncio.get_running_loop()
    for port, given in replicas.items():
        await loop.create_server(partial(MockEngine, given), "127.0.0.1", port, backlog=20000)
    await asyncio.Event().wait()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, nargs="+", required=True)
    parser.add_argument("--events", type=int, default=16)
    parser.add_argument("--interval", type=float, default=0.0, help="seconds between two events")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before a whole answer")
    given = parser.parse_args()
    most_files()
    kind = {"events": given.events, "interval": given.interval, "delay": given.delay}
    asyncio.run(serve({port: answers(port, **kind) for port in given.port}))


if __name__ == "__main__":
    main()
