"""What preStop runs, beside the real Envoy: it returns once no client has an open request."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.apiserver.control_plane import WITH_PARENT
from tests.apiserver.waiting import eventually
from tests.chart.envoy_files import drain_command, place
from tests.chart.rendering import Object
from tests.envoy.envoy_process import BINARY, LOOPBACK, Envoy, free_ports

pytestmark = pytest.mark.envoy

WITHIN_SECONDS = 30
SETTLE_TICKS = 5
"""As in the Lua file: looks without an open request before it returns."""
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def gateway(*, port: int, engine: int, listener: str) -> dict[str, Any]:
    """Return a bootstrap that forwards everything but `/now` to *engine*; *listener* is what statistics call it."""
    routes = [
        {"match": {"path": "/now"}, "direct_response": {"status": 200}},
        {"match": {"prefix": "/"}, "route": {"cluster": "engine", "timeout": "0s"}},
    ]
    manager = {
        "@type": MANAGER,
        "stat_prefix": listener,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": listener,
                    "address": address(port),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "engine",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "engine",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(engine)}}]}],
                    },
                }
            ],
        }
    }


def address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


class Stream:
    """One answer under way: what the engine says is what the client gets."""

    def __init__(self, port: int, engine: socket.socket) -> None:
        self._client = socket.create_connection((LOOPBACK, port), timeout=WITHIN_SECONDS)
        self._client.sendall(b"GET /stream HTTP/1.1\r\nHost: gateway\r\n\r\n")
        self._engine, _ = engine.accept()
        self._engine.settimeout(WITHIN_SECONDS)
        self._engine.recv(65536)
        self._engine.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        self._read_to(b"first\r\n")

    def end(self) -> None:
        """Send the last words; raise when the client does not get them."""
        self._engine.sendall(b"4\r\nlast\r\n0\r\n\r\n")
        self._read_to(b"last\r\n0\r\n\r\n")

    def close(self) -> None:
        """Let go of it."""
        self._client.close()
        self._engine.close()

    def _read_to(self, end: bytes) -> None:
        got = b""
        while not got.endswith(end):
            read = self._client.recv(65536)
            assert read, f"the stream must go on until {end!r}, it broke after {got!r}"
            got += read


class Scene:
    """A gateway's Envoy with one open stream, and its drain."""

    def __init__(self, envoy: Envoy, *, port: int, stream: Stream, drain: list[str]) -> None:
        self.envoy, self.stream = envoy, stream
        self._url = f"http://{LOOPBACK}:{port}/now"
        self._drain = drain
        self._admin = httpx.Client(transport=httpx.HTTPTransport(uds=str(envoy.directory / "drain.sock")))

    @contextmanager
    def draining(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the drain."""
        with subprocess.Popen([*WITH_PARENT, *self._drain], stderr=subprocess.DEVNULL) as process:  # noqa: S603 (no shell)
            try:
                yield process
            finally:
                process.kill()

    def ask(self) -> httpx.Response:
        """Send another request, on a connection of its own."""
        return httpx.get(self._url, timeout=WITHIN_SECONDS)

    def looks(self) -> int:
        """Return how often the drain has looked."""
        with socket.socket(socket.AF_UNIX) as probe:  # httpx would leak a connection that is refused
            if probe.connect_ex(str(self.envoy.directory / "drain.sock")):
                return 0
        answer = self._admin.get("http://drain/stats?format=json&filter=^http.tick.downstream_rq_completed$")
        return sum(stat["value"] for stat in answer.json()["stats"] if "value" in stat)

    def close(self) -> None:
        """Let go of everything but the processes."""
        self.stream.close()
        self._admin.close()


@contextmanager
def scene(objects: list[Object], *, listener: str) -> Iterator[Scene]:
    """Yield an Envoy whose listener has the name *listener*, and a stream through it."""
    [port] = free_ports(1)
    with ExitStack() as ends:
        files = Path(tempfile.mkdtemp(prefix="drain-"))
        ends.callback(shutil.rmtree, files)
        engine = ends.enter_context(socket.create_server((LOOPBACK, 0)))
        engine.settimeout(WITHIN_SECONDS)
        envoy = ends.enter_context(Envoy(gateway(port=port, engine=engine.getsockname()[1], listener=listener)))
        envoy.await_ready()
        config = place(objects, files)
        drain = config / "drain.yaml"
        text = drain.read_text().replace(str(files), str(envoy.directory))
        drain.write_text(text.replace("interval: 1s", "interval: 0.1s"))  # ten looks a second, for a quick test
        stream = Stream(port, engine)
        found = Scene(envoy, port=port, stream=stream, drain=drain_command(objects, config, binary=BINARY))
        ends.callback(found.close)
        yield found


def test_a_drain_waits_for_open_streams_and_no_longer(gateway_objects: list[Object]) -> None:
    with scene(gateway_objects, listener="gateway") as here, here.draining() as drain:
        eventually(lambda: here.looks() > 2 * SETTLE_TICKS, "the drain has looked often enough to have ended")
        still_runs = drain.poll() is None
        here.stream.end()

        assert still_runs
        assert drain.wait(WITHIN_SECONDS) == 0


def test_a_gateway_that_drains_is_not_ready_and_takes_leave_of_its_clients(gateway_objects: list[Object]) -> None:
    with scene(gateway_objects, listener="gateway") as here:
        before = here.ask()
        with here.draining():
            eventually(lambda: not here.envoy.is_ready(), "the gateway is not ready any more")
            after = here.ask()

    assert (before.status_code, before.headers.get("connection")) == (200, None)
    assert (after.status_code, after.headers.get("connection")) == (200, "close")


def test_a_drain_does_not_wait_for_whoever_reads_metrics(gateway_objects: list[Object]) -> None:
    with scene(gateway_objects, listener="health") as here, here.draining() as drain:
        assert drain.wait(WITHIN_SECONDS) == 0
