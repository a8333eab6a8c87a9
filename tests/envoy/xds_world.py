"""A small fleet as Envoy's resources, replicas that serve it, and an Envoy that is served."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from tests.apiserver.control_plane import WITH_PARENT
from tests.envoy.envoy_process import LOOPBACK, Envoy, free_port, until

from modelfleet.controller.serve.xds import Certificates, Server, ServerOptions, Vector
from modelfleet.controller.serve.xds.metrics import RESPONSES
from modelfleet.controller.serve.xds.order import TYPES
from modelfleet.gateway.render.bootstrap import LOCAL_CLUSTER
from modelfleet.gateway.schema import Schema
from modelfleet.gateway.schema.type_urls import CDS, EDS, LDS, MARKER, RDS, SRDS

ROOT = Path(__file__).parents[2]
T = "type.googleapis.com/"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
SCHEMA = Schema()

Resources = dict[str, Any]
"""Bodies by type URL and name."""


def source(timeout: str = "60s") -> dict[str, Any]:
    return {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": timeout}


def cluster(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "EDS",
        "connect_timeout": "1s",
        "eds_cluster_config": {"eds_config": source()},
        **more,
    }


def address(port: int, host: str = LOOPBACK) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def assignment(name: str, port: int, host: str = LOOPBACK) -> dict[str, Any]:
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port, host)}}]}]}


def routes(name: str, *, to: str | None = None) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": to or name}}
    return {"name": f"fleet/{name}", "virtual_hosts": [{"name": name, "domains": ["*"], "routes": [route]}]}


def scope(name: str) -> dict[str, Any]:
    key = {"fragments": [{"string_key": name}]}
    return {"name": name, "route_configuration_name": f"fleet/{name}", "key": key}


def fleet(name: str, port: int) -> Resources:
    return {
        CDS: {name: cluster(name)},
        EDS: {name: assignment(name, port)},
        RDS: {f"fleet/{name}": routes(name)},
        SRDS: {name: scope(name)},
    }


def listener(port: int, *filters: Mapping[str, Any], name: str = "gateway") -> dict[str, Any]:
    key = {"header_value_extractor": {"name": "x-model", "index": 0, "element_separator": "|"}}
    router = {"name": "router", "typed_config": {"@type": T + "envoy.extensions.filters.http.router.v3.Router"}}
    manager = {
        "@type": T + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "scoped_routes": {
            "name": "models",
            "rds_config_source": source(),
            "scoped_rds": {"scoped_rds_config_source": source()},
            "scope_key_builder": {"fragments": [key]},
        },
        "http_filters": [*filters, router],
    }
    return {
        "name": name,
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def merged(*parts: Resources) -> Resources:
    return {t: {n: body for part in parts for n, body in part.get(t, {}).items()} for t in TYPES}


def without(resources: Resources) -> Resources:
    return {type_url: dict.fromkeys(bodies) for type_url, bodies in resources.items()}


def bootstrap(*ports: int, tls: Mapping[str, Any] | None = None, keepalive: str = "20s") -> dict[str, Any]:
    """Return a bootstrap that is served by the replicas on these ports."""
    options = {
        "@type": T + HTTP_OPTIONS,
        "explicit_http_config": {
            "http2_protocol_options": {"connection_keepalive": {"interval": keepalive, "timeout": keepalive}}
        },
    }
    endpoints = [{"endpoint": {"address": address(port)}} for port in ports]
    xds: dict[str, Any] = {
        "name": "xds",
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {HTTP_OPTIONS: options},
    }
    local = {"name": LOCAL_CLUSTER, "type": "STATIC", "connect_timeout": "1s"}
    service = {
        "cluster_name": "xds",
        "retry_policy": {"retry_back_off": {"base_interval": "0.1s", "max_interval": "1s"}},
    }
    ads = {
        "api_type": "DELTA_GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": service}],
    }
    marker = {"name": MARKER, "rtds_layer": {"name": MARKER, "rtds_config": source("0s")}}
    return {
        "layered_runtime": {"layers": [marker, {"name": "admin", "admin_layer": {}}]},
        "dynamic_resources": {"ads_config": ads, "cds_config": source("0s"), "lds_config": source("0s")},
        "cluster_manager": {"local_cluster_name": LOCAL_CLUSTER},
        "static_resources": {"clusters": [xds | ({"transport_socket": tls} if tls else {}), local]},
    }


class Backend(asyncio.Protocol):
    """Answers every request with one word."""

    def __init__(self, word: str, connections: set[asyncio.BaseTransport]) -> None:
        self._answer = f"HTTP/1.1 200 OK\r\ncontent-length: {len(word)}\r\n\r\n{word}".encode()
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Answer as many requests as came."""
        self._transport.write(self._answer * data.count(b"\r\n\r\n"))


@asynccontextmanager
async def backend(word: str) -> AsyncIterator[int]:
    """Answer every request with one word; yields the port."""
    connections: set[asyncio.BaseTransport] = set()
    server = await asyncio.get_running_loop().create_server(lambda: Backend(word, connections), LOOPBACK, 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for transport in connections:
            transport.close()


@dataclass
class Replica:
    """A configuration server in this process, and what it reported."""

    server: Server
    refused: list[tuple[str, str]] = field(default_factory=list)
    behind: list[Vector] = field(default_factory=list)


@dataclass
class World:
    """Two backends, `A` and `B`, one Envoy, and as many replicas as a test starts on the port it knows."""

    envoy: Envoy
    xds_port: int
    entry: int
    a: int
    b: int
    running: AsyncExitStack

    async def replica(
        self,
        vector: Vector | None = None,
        resources: Resources | None = None,
        *,
        port: int | None = None,
        certificates: Certificates | None = None,
        options: ServerOptions | None = None,
    ) -> Replica:
        """Start a replica; it serves nothing yet without *vector*."""
        refused: list[tuple[str, str]] = []
        behind: list[Vector] = []
        server = Server(
            SCHEMA,
            on_nack=lambda node, type_url, name, message: refused.append((type_url, name)),
            on_behind=behind.append,
            options=options,
        )
        if vector is not None:
            server.put(vector, resources or {})
        await server.start(f"{LOOPBACK}:{port or self.xds_port}", certificates)
        self.running.push_async_callback(server.stop)
        return Replica(server, refused, behind)

    async def ready(self) -> None:
        """Return once Envoy is ready."""
        await until(self.envoy.is_ready, f"Envoy is ready:\n{self.envoy.log_tail()}")

    def ask(self, model: str) -> tuple[int, str]:
        """Return status and text that the gateway answers for a model; 0 when nobody answers."""
        try:
            answer = httpx.get(f"http://{LOOPBACK}:{self.entry}/", headers={"x-model": model}, trust_env=False)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def status_unless(self, model: str, status: int) -> int | None:
        """Return the status that a model is answered with, or None while it is *status*."""
        found = self.ask(model)[0]
        return None if found == status else found

    async def serves(self, model: str, word: str | int) -> None:
        """Return once a model is answered with this text, or this status."""
        await until(lambda: word in self.ask(model), f'model "{model}" is answered with "{word}"')

    def base(self, *models: str) -> Resources:
        """Return a listener, and fleets that answer `A`."""
        return merged({LDS: {"gateway": listener(self.entry)}}, *(fleet(model, self.a) for model in models))


@asynccontextmanager
async def world(
    *, tls: Mapping[str, Any] | None = None, xds_ports: Sequence[int] = (), keepalive: str = "20s"
) -> AsyncIterator[World]:
    """Start an Envoy whose replicas listen on *xds_ports*, by default one that `World.replica` starts."""
    ports = xds_ports or [free_port()]
    async with AsyncExitStack() as running:
        a, b = [await running.enter_async_context(backend(word)) for word in "AB"]
        envoy = running.enter_context(Envoy(bootstrap(*ports, tls=tls, keepalive=keepalive)))
        yield World(envoy, ports[0], free_port(), a, b, running)


def keys(resources: Resources) -> list[tuple[str, str]]:
    return [(type_url, name) for type_url, bodies in resources.items() for name in bodies]


async def acknowledged(server: Server, resources: Resources) -> None:
    """Return once the Envoy that is connected holds what is served under the names of *resources*."""
    while not all((by_node := server.acknowledged(server.digests(keys(resources)))).values()) or not by_node:
        async with asyncio.timeout(30):
            await server.changed(server.revision)


def responses_sent() -> float:
    """Return how many responses were sent by all replicas of this process."""
    return sum(s.value for metric in RESPONSES.collect() for s in metric.samples if s.name.endswith("_total"))


class ReplicaProcess:
    """A configuration server in a process of its own, to be killed or stopped."""

    def __init__(self, port: int, vector: Vector, resources: Resources) -> None:
        content = json.dumps({"port": port, "vector": vector, "resources": resources})
        command = [*WITH_PARENT, sys.executable, "-m", "tests.envoy.xds_world"]
        self.process = subprocess.Popen(  # noqa: S603 (our own program)
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(content.encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"serving\n"

    def gateways(self) -> int:
        """Return how many gateways are connected to it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


async def serve_alone() -> None:
    """Serve what one line of standard input says, and print how many gateways there are for each further line."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    said = json.loads(await lines.readuntil(b"\n"))
    server = Server(SCHEMA)
    server.put(tuple(said["vector"]), said["resources"])
    await server.start(f"{LOOPBACK}:{said['port']}")
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    while await lines.readline():
        sys.stdout.write(f"{len(server.connected())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve_alone())
