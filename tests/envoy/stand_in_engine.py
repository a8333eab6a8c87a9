"""An engine on loopback that says what it was asked, and answers as the test wants."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self

from tests.envoy.envoy_process import LOOPBACK

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}


@dataclass
class Asked:
    """One request as it reached the engine; the names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What the engine answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    body: bytes = field(default_factory=lambda: json.dumps({"id": "a", "usage": USAGE}).encode())
    in_pieces: bool = False
    """Whether each byte is sent by itself, a millisecond after the one before."""


def events(*data: Mapping[str, Any]) -> Answer:
    """Return a stream of events that ends as OpenAI's do."""
    lines = [*(json.dumps(event) for event in data), "[DONE]"]
    return Answer(headers={"content-type": "text/event-stream"}, body="".join(f"data: {d}\n\n" for d in lines).encode())


class StandInEngine:
    """Runs in this process, from entering its context until leaving it."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer = Answer()
        engine = self

        class Handler(_Handler):
            asked, answer_of = engine.asked, staticmethod(lambda: engine.answer)

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self._server.server_address[1])

    @property
    def last(self) -> Asked:
        """Return the latest request."""
        return self.asked[-1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[Asked]]
    answer_of: ClassVar[Any]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0)) if "content-length" in self.headers else b""
        if self.headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.asked.append(Asked(self.command, self.path, headers, body))
        answer: Answer = self.answer_of()
        self.send_response(answer.status)
        for key, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
            self.send_header(key, value)
        self.end_headers()
        for piece in (
            [answer.body[at : at + 1] for at in range(len(answer.body))] if answer.in_pieces else [answer.body]
        ):
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(0.001 if answer.in_pieces else 0)

    do_GET = do_POST  # noqa: N815 (see above)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (see above)
        """Say nothing."""
