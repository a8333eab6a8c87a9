"""An engine as the scripts see it: two pages on loopback that say what a test wants."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from threading import Event, Thread

import pytest

LIMIT_SECONDS = 10


@dataclass
class Engine:
    """What the pages say; the last metrics page is repeated."""

    metrics: list[str] = field(default_factory=lambda: [""])
    metrics_status: int = 200
    completion_status: int | None = 200
    """completion_status is None for an engine that hangs."""
    asked: list[str] = field(default_factory=list)
    url: str = ""
    ended: Event = field(default_factory=Event)


@contextmanager
def serving(engine: Engine) -> Iterator[Engine]:
    """Serve *engine* on a free port of loopback."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            engine.asked.append(self.path)
            page = engine.metrics.pop(0) if len(engine.metrics) > 1 else engine.metrics[0]
            self._answer(engine.metrics_status, page)

        def do_POST(self) -> None:
            engine.asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if engine.completion_status is None:
                engine.ended.wait(LIMIT_SECONDS)
            self._answer(engine.completion_status or 200, "{}")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class says so)
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that time out are expected
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    engine.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield engine
    finally:
        engine.ended.set()
        server.shutdown()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: its exit code, and what it said."""

    code: int
    said: str


def run(script: str, *arguments: str, **replaced: str) -> Ended:
    """Run *script* in this process, with texts of it *replaced*: starting an interpreter costs a hundred times more."""
    text = _text(script)
    for old, new in replaced.items():
        assert old in text

        text = text.replace(old, new)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["-c", *arguments])
        try:
            exec(compile(text, script, "exec"), {"__name__": "__main__"})  # noqa: S102 (our own script)
        except SystemExit as end:
            return Ended(end.code, "") if isinstance(end.code, int) else Ended(1, str(end.code))
    return Ended(0, "")


def run_as_in_a_pod(script: str, *arguments: str) -> Ended:
    """Run *script* as the kubelet does: by an interpreter that gets its text as an argument."""
    command = [sys.executable, "-I", "-c", _text(script), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)  # noqa: S603 (our own script)
    return Ended(ended.returncode, ended.stderr)


def _text(script: str) -> str:
    return resources.files("modelfleet.workload.scripts").joinpath(f"{script}.py").read_text()
