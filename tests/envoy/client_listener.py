"""The client listener in a real Envoy, with tables that lead to one stand-in engine."""

import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from tests.apiserver.waiting import eventually
from tests.envoy.envoy_process import LOOPBACK, Envoy, free_ports
from tests.envoy.stand_in_engine import StandInEngine

from modelfleet.gateway.ir import (
    Access,
    ApiKey,
    Attribution,
    Frame,
    Gateway,
    JwtProvider,
    KeySelector,
    Limit,
    Priority,
    RouteTable,
)
from modelfleet.gateway.render import access_log, authentication, limits
from modelfleet.gateway.render.bootstrap import LOCAL_CLUSTER, OPERATOR_API, TRUSTED_CA, Served, static_bootstrap
from modelfleet.gateway.render.headers import NO_MODEL
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.render.routes import UNMATCHED, unmatched
from modelfleet.gateway.render.tokens import reading

ALICE, BOB = "key-of-alice-0000", "key-of-bob-0000000"
KEYS = (
    ApiKey(ALICE, scope="models/people", user="alice", team="red", priority=Priority.HIGH),
    ApiKey(BOB, scope="elsewhere/people", user="bob"),
)
CHAT = "/v1/chat/completions"
ENGINE = "models/engine"
DEAD = "models/dead"
EMPTY = "models/empty"


def table(
    *models: str,
    required: bool = True,
    users: tuple[str, ...] = (),
    teams: tuple[str, ...] = (),
    keys: KeySelector | None = KeySelector("models"),  # noqa: B008 (frozen)
    tokens: JwtProvider | None = None,
    limits: tuple[Limit, ...] = (),
    attribution: Attribution = Attribution(),  # noqa: B008 (frozen)
) -> RouteTable:
    """Return the table of a policy that lets in who has a key of its namespace."""
    access = Access(required=required, keys=keys, tokens=tokens, users=users, teams=teams)
    return RouteTable(f"policy/models/{models[0]}", models, access, (), limits, attribution)


def served(tables: Iterable[RouteTable], clusters: Mapping[str, dict[str, Any]]) -> Served:
    """Return every table's routes: to the cluster called like its first model, or else to `ENGINE`."""
    known = list(tables)
    routes = {each.name: _routes(each, clusters) for each in known}
    scopes = {model: scope(model, each.name) for each in known for model in each.models}
    return Served(
        route_configurations={**routes, UNMATCHED: unmatched(Frame())[0]},
        scopes={**scopes, NO_MODEL: scope(NO_MODEL, UNMATCHED)},
        clusters=clusters,
    )


def scope(model: str, name: str) -> dict[str, Any]:
    return {"name": model, "route_configuration_name": name, "key": {"fragments": [{"string_key": model}]}}


def cluster(name: str, *ports: int, **more: Any) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _address(port)}} for port in ports]
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}
    return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment, **more}


@dataclass
class ClientListener:
    """A running Envoy, the engine behind it, and the operator's API beside it."""

    envoy: Envoy
    engine: StandInEngine
    operator: StandInEngine
    port: int
    http: httpx.Client

    def ask(
        self,
        model: str | None = "chat",
        *,
        key: str | None = ALICE,
        path: str = CHAT,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> httpx.Response:
        """Return the answer to a JSON request."""
        content = json.dumps({**({} if model is None else {"model": model}), **body}).encode()
        return self.post(content, key=key, path=path, headers=headers)

    def post(
        self,
        content: bytes | Iterator[bytes],
        *,
        key: str | None = ALICE,
        path: str = CHAT,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer to any request; its content is JSON unless *headers* say something else."""
        shown = {"authorization": f"Bearer {key}"} if key else {}
        return self.http.request(
            method,
            f"http://{LOOPBACK}:{self.port}{path}",
            content=content,
            headers={"content-type": "application/json", **shown, **(headers or {})},
        )

    def raw(self, *pieces: bytes) -> bytes:
        """Return the first answer to *pieces*, or what there was of it when Envoy closed the connection."""
        with socket.create_connection((LOOPBACK, self.port), timeout=30) as connection:
            for piece in pieces:
                connection.sendall(piece)
            answer = b""
            while not _is_whole(answer) and (more := connection.recv(65536)):
                answer += more
            return answer

    def logged(self, request_id: str) -> dict[str, Any]:
        """Return the line of the access log about one request."""
        return eventually(lambda: next(iter(self._lines(request_id)), None), f"request {request_id} is logged")

    def _lines(self, request_id: str) -> list[dict[str, Any]]:
        self.envoy.post("/reopen_logs")  # otherwise lines are written every ten seconds
        lines = (line for line in self.envoy.log_text().splitlines() if line.startswith("{") and request_id in line)
        return [json.loads(line) for line in lines if line.endswith("}")]


@contextmanager
def client_listener(
    gateway: Gateway,
    *,
    clusters: Mapping[str, dict[str, Any]] | None = None,
    trusted_ca: str = TRUSTED_CA,
    overload_manager: Mapping[str, Any] | None = None,
) -> Iterator[ClientListener]:
    """Start an Envoy that has the tables of *gateway*."""
    with StandInEngine() as engine, StandInEngine() as operator:
        port, sink, dead = free_ports(3)
        known = {
            **{name: cluster(name, engine.port) for name in (ENGINE,)},
            DEAD: cluster(DEAD, dead),
            EMPTY: cluster(EMPTY),
            OPERATOR_API: cluster(OPERATOR_API, operator.port),
            **(clusters or {}),
        }
        ports = Ports(gateway=port, sink=sink)
        config = static_bootstrap(
            gateway, served(gateway.tables.values(), known), ports=ports, address=LOOPBACK, trusted_ca=trusted_ca
        )
        config |= {"overload_manager": overload_manager} if overload_manager else {}
        with Envoy(config) as envoy, httpx.Client(timeout=30, trust_env=False) as http:
            envoy.await_ready()
            yield ClientListener(envoy, engine, operator, port, http)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the error of an answer in OpenAI's shape, which must have its request's id."""
    error: dict[str, Any] = answer.json()["error"]

    assert answer.headers["content-type"] == "application/json"
    assert {"message", "type", "param", "code"} <= set(error)
    assert error["request_id"] == answer.headers["x-request-id"]

    return error


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(found and length) and len(body) >= int(length[1] if length else 0)


def _routes(each: RouteTable, clusters: Mapping[str, Any]) -> dict[str, Any]:
    to = f"models/{each.models[0]}"
    route = {
        "name": "only",
        "match": {"prefix": "/"},
        "route": {"cluster": to if to in clusters else ENGINE, "timeout": "0s"},
    }
    host = {
        "name": each.name,
        "domains": ["*"],
        "typed_per_filter_config": {
            **limits.per_table(each, gateways=_gateways(clusters)),
            **authentication.access(each.access),
        },
        "request_headers_to_add": access_log.attribution(each),
        **reading(each.access.tokens),
        "routes": [route],
    }
    return {"name": each.name, "virtual_hosts": [host]}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def _gateways(clusters: Mapping[str, dict[str, Any]]) -> int:
    """Return how many replicas share limits: this one alone, unless the test says who the others are."""
    own = clusters.get(LOCAL_CLUSTER)
    return len(own["load_assignment"]["endpoints"][0]["lb_endpoints"]) if own else 1
