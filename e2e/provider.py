"""A provider outside of the cluster, played by the test: HTTPS at an address of its own that pods find by name."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from e2e.cluster import Json
from e2e.images import authority
from e2e.lab import Lab

HOST = "api.provider.example"
"""The one host that the chart of the stories allows."""
BASE_PATH = "/openai/v1"
URL = f"https://{HOST}{BASE_PATH}"
HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Asked:
    """What reached the provider."""

    path: str
    headers: dict[str, str]
    body: Json


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that answers every request with the model that it was asked for."""

    asked: list[Asked] = field(default_factory=list)


@contextmanager
def provider(lab: Lab) -> Iterator[Provider]:
    """Give the provider to the body, at the end of which nobody listens any more."""
    played = Provider()

    class Handler(_Handler):
        asked = played.asked

    address = lab.add_outside(HOST)
    with lab.network():
        server = ThreadingHTTPServer((address, HTTPS_PORT), Handler)
    server.socket = authority.server(HOST).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, name="provider", daemon=True)
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[Asked]]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append(Asked(self.path, headers, json.loads(content)))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "From outside."}}
        body = json.dumps({"id": "outside", "model": self.asked[-1].body["model"], "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the parent's name)
        """Say nothing."""
