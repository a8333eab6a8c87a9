"""The prediction of what a request meets agrees with the real Envoy, for generated policies and requests."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from tests.envoy.envoy_process import LOOPBACK, Envoy, free_ports
from tests.envoy.stand_in_engine import Answer as EngineAnswer
from tests.envoy.stand_in_engine import StandInEngine
from tests.gateway.generated import HEALTHY, Asked, Case, case, world
from tests.gateway.objects import lowered

from modelfleet.gateway import render
from modelfleet.gateway.answer import Answer, answer
from modelfleet.gateway.ir import Address, Gateway, StaticAnswer
from modelfleet.gateway.render.bootstrap import OPERATOR_API, Served, static_bootstrap
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.request import Request, caller_with
from modelfleet.gateway.schema import type_urls

POLICIES = 500
"""Each has three requests."""
ANSWERS = {"down": EngineAnswer(status=503), "limited": EngineAnswer(status=429)}
UNAVAILABLE = {429, 503}
"""What a client may meet when every try failed and the policy says nothing: the last error."""

Met = tuple[int, str | None]
"""A status, and the fleet that answered."""


@dataclass
class World:
    """A gateway, a real Envoy that serves it, and an engine behind every fleet that has replicas."""

    gateway: Gateway
    engines: dict[str, StandInEngine]
    client: http.client.HTTPConnection

    def ask(self, asked: Asked) -> Met:
        """Return what a request meets at the real Envoy."""
        before = {name: len(engine.asked) for name, engine in self.engines.items()}
        content = _body(asked)
        self.client.putrequest("POST", "/v1/chat/completions")
        self.client.putheader("content-type", "application/json")
        self.client.putheader("content-length", str(len(content)))
        if asked.key is not None:
            self.client.putheader("authorization", f"Bearer {asked.key}")
        for name, value in asked.headers:
            self.client.putheader(name, value.encode())
        self.client.endheaders(content)
        response = self.client.getresponse()
        response.read()
        reached = [name for name, engine in self.engines.items() if len(engine.asked) > before[name]]
        return response.status, next((name for name in reached if response.status == 200 and _is_healthy(name)), None)


@contextmanager
def _world(generated: list[Case]) -> Iterator[World]:
    gateway = lowered(*world(), *(made.policy for made in generated)).gateway
    port, sink = free_ports(2)
    with ExitStack() as running:
        names = [name for name in gateway.pools if not name.endswith("/empty")]
        engines = {name: running.enter_context(StandInEngine()) for name in names}
        for name, engine in engines.items():
            engine.answer = ANSWERS.get(name.partition("/")[2], engine.answer)
        pods = {name: (Address(LOOPBACK, engine.port),) for name, engine in engines.items()}
        envoy = running.enter_context(Envoy(_bootstrap(gateway, pods, Ports(gateway=port, sink=sink))))
        envoy.await_ready()
        client = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
        running.callback(client.close)
        yield World(gateway, engines, client)


def _bootstrap(gateway: Gateway, pods: Mapping[str, tuple[Address, ...]], ports: Ports) -> dict[str, Any]:
    found = render.resources(gateway, render.Replicas(pods), render.Place(ports=ports))
    clusters = {name: _without_tls(cluster) for name, cluster in found[type_urls.CDS].items() if name != OPERATOR_API}
    served = Served(
        route_configurations=found[type_urls.RDS],
        scopes=found[type_urls.SRDS],
        clusters=clusters,
        endpoints=found[type_urls.EDS],
        secrets=found.get(type_urls.SDS, {}),
    )
    return static_bootstrap(gateway, served, ports=ports, address=LOOPBACK)


def _without_tls(cluster: dict[str, Any]) -> dict[str, Any]:
    """Return *cluster* without the way to activators, whose certificates nobody has here."""
    return {key: value for key, value in cluster.items() if key != "transport_socket_matches"}


@pytest.fixture(scope="module")
def generated() -> list[Case]:
    """Return the policies and their requests, the same in every run."""
    return [*map(case, range(POLICIES))]


@pytest.fixture(scope="module")
def running(generated: list[Case]) -> Iterator[World]:
    """Yield a real Envoy with all generated policies."""
    with _world(generated) as made:
        yield made


def test_every_generated_request_meets_what_was_predicted(running: World, generated: list[Case]) -> None:
    differences = []
    for made in generated:
        for asked in made.asked:
            predicted, met = predict(running.gateway, asked), running.ask(asked)
            if met not in possible(predicted):
                differences.append((made.rules, asked, predicted.status, possible(predicted), met))

    assert differences == []


def test_request_that_sticks_meets_the_same_backend_again(running: World, generated: list[Case]) -> None:
    compared = 0
    for asked in (asked for made in generated for asked in made.asked):
        found = predict(running.gateway, asked)
        if found.tries and found.sticks_to and _are_healthy(found):
            compared += 1

            assert len({running.ask(asked) for _ in range(4)}) == 1

    assert compared >= 20


def predict(gateway: Gateway, asked: Asked) -> Answer:
    """Return the prediction for a generated request."""
    caller = caller_with(gateway, asked.key) if asked.key else None
    is_stranger = asked.key is not None and caller is None
    size = len(_body(asked))
    request = Request(asked.model, caller, is_stranger=is_stranger, headers=asked.headers, body_bytes=size)
    return answer(gateway, request)


def possible(found: Answer) -> set[Met]:
    """Return all that a request may meet: where a split leaves the backend to chance, each of its backends."""
    if found.status is not None:
        return {(found.status, None)}
    met: set[Met] = set()
    for split in found.tries:
        names = {backend.name for backend, _ in split.backends}
        met |= {(200, name) for name in names if _is_healthy(name)}
        if all(map(_is_healthy, names)):
            return met
    return met | _finally(found.final)


def _finally(final: StaticAnswer | None) -> set[Met]:
    return {(final.status, None)} if final else {(status, None) for status in UNAVAILABLE}


def _are_healthy(found: Answer) -> bool:
    return all(_is_healthy(backend.name) for backend, _ in found.tries[0].backends)


def _is_healthy(name: str) -> bool:
    return name.rpartition("/")[2] in {*HEALTHY, "alone", "foreign"}


def _body(asked: Asked) -> bytes:
    """Return a request of the size that is asked for."""
    content = json.dumps({"model": asked.model, "user": ""})
    return (content[:-2] + "x" * (asked.body_bytes - len(content)) + content[-2:]).encode()
