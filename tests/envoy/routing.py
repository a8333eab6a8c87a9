"""A real Envoy that serves an intermediate form, and what tests of routing ask it."""

import asyncio
import json
import socket
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from tests.envoy.engines import LOOPBACK
from tests.envoy.envoy_process import Envoy, free_ports

from modelfleet.gateway import ir, render
from modelfleet.gateway.render.bootstrap import Served, static_bootstrap
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.render.operator import OPERATOR_API
from modelfleet.gateway.schema import type_urls

ANYBODY = ir.Access(required=False)
CHAT = "/v1/chat/completions"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without authorities, which take httpx longer to read than a request takes."""


def pool(name: str, **changes: Any) -> ir.Pool:
    """Return a pool that is never full, changed as said."""
    roomy = {"connections_per_pod": 1000, "low_priority_connections_per_pod": 1000, "queue_limit": 1000}
    return ir.Pool(**{"fleet": f"ns/{name}", **roomy, **changes})


def fleet(name: str) -> ir.Backend:
    """Return the backend that is the pool *name*."""
    return ir.Backend(ir.BackendKind.FLEET, f"ns/{name}")


def to(*backends: ir.Backend | tuple[ir.Backend, int], sticky: str | None = None) -> ir.Split:
    """Return the split over *backends*, each with its weight or 1."""
    weighted = tuple(one if isinstance(one, tuple) else (one, 1) for one in backends)
    return ir.Split(weighted, sticky)


def rule(*tries: ir.Split, name: str = "all", **rest: Any) -> ir.Rule:
    """Return a rule that tries *tries* in turn."""
    return ir.Rule(name=name, tries=tries, **rest)


def table(name: str, *rules: ir.Rule, **rest: Any) -> ir.RouteTable:
    """Return the table of the model *name*, open to anybody."""
    return ir.RouteTable(**{"name": f"policy/ns/{name}", "models": (name,), "access": ANYBODY, "rules": rules, **rest})


def gateway(tables: Sequence[ir.RouteTable], pools: Sequence[ir.Pool], **rest: Any) -> ir.Gateway:
    """Return the whole of *tables* and *pools*."""
    return ir.Gateway(tables={one.name: one for one in tables}, pools={one.fleet: one for one in pools}, **rest)


@dataclass
class Gate:
    """A running gateway."""

    envoy: Envoy
    port: int
    client: httpx.Client

    def ask(self, model: str, *, path: str = CHAT, timeout: float = 30.0, **body: Any) -> httpx.Response:
        """Return the answer to one request; `headers` are the request's."""
        headers = body.pop("headers", {})
        content = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
        url = f"http://{LOOPBACK}:{self.port}{path}"
        return self.client.post(url, json=content, headers=headers, timeout=timeout)

    def ask_many(self, model: str, count: int, **body: Any) -> list[httpx.Response]:
        """Return the answers to *count* requests at once, each over a connection of its own."""
        return asyncio.run(self._ask_many(model, count, body))

    async def _ask_many(self, model: str, count: int, body: dict[str, Any]) -> list[httpx.Response]:
        headers = body.pop("headers", {})
        content = {"model": model, **body}
        limits = httpx.Limits(max_connections=count)
        transport = httpx.AsyncHTTPTransport(limits=limits, verify=NO_TLS)
        async with httpx.AsyncClient(timeout=60, transport=transport) as client:
            url = f"http://{LOOPBACK}:{self.port}{CHAT}"
            return list(await asyncio.gather(*(client.post(url, json=content, headers=headers) for _ in range(count))))

    @contextmanager
    def leave_open(self, model: str, **headers: str) -> Iterator[socket.socket]:
        """Send a request, and go away without its answer when the context ends."""
        content = json.dumps({"model": model}).encode()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST {CHAT} HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\n{lines}"
        with socket.create_connection((LOOPBACK, self.port)) as client:
            client.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
            yield client


@contextmanager
def gate(
    served: ir.Gateway,
    pods: Mapping[str, Sequence[int]],
    *,
    place: render.Place | None = None,
    activators: Sequence[int] = (),
    concurrency: int = 1,
    **bootstrap: Any,
) -> Iterator[Gate]:
    """Yield an Envoy that serves *served*; *pods* are the ports of each pool's replicas."""
    port, sink = free_ports(2)
    ports = Ports(gateway=port, sink=sink)
    place = place or render.Place()
    place = render.Place(operators=place.operators, ports=ports, trusted_ca=place.trusted_ca)
    replicas = render.Replicas(
        pods={f"ns/{name}": tuple(ir.Address(LOOPBACK, pod) for pod in found) for name, found in pods.items()},
        activators=tuple(ir.Address(LOOPBACK, one) for one in activators),
    )
    built = static_bootstrap(served, everything(served, replicas, place), ports=ports, address=LOOPBACK)
    built = {**built, **bootstrap}
    with Envoy(built, concurrency=concurrency) as envoy:
        envoy.await_ready()
        with httpx.Client(transport=httpx.HTTPTransport(verify=NO_TLS)) as client:
            yield Gate(envoy, port, client)


def everything(served: ir.Gateway, replicas: render.Replicas, place: render.Place) -> Served:
    """Return all resources of *served* but listeners and credentials, which the bootstrap brings itself."""
    found = render.resources(served, replicas, place)
    left_out = () if replicas.activators else (OPERATOR_API,)
    clusters = {name: one for name, one in found[type_urls.CDS].items() if name not in left_out}
    return Served(
        route_configurations=found[type_urls.RDS],
        scopes={name: one for name, one in found[type_urls.SRDS].items() if name != "-"},
        clusters=clusters,
        endpoints=found[type_urls.EDS],
        secrets=found.get(type_urls.SDS, {}),
    )


def tally(answers: Sequence[httpx.Response]) -> Counter[str]:
    """Return how many answers there are of each engine, or status where no engine answered."""
    return Counter(one.headers.get("x-engine") or str(one.status_code) for one in answers)
