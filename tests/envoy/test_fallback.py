"""Wherever a backend fails, and however, the next one answers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.authority import authority
from tests.envoy.engines import Engines, engines
from tests.envoy.envoy_process import free_port
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, to

from modelfleet.gateway import ir, render

STATIC = ir.StaticAnswer(503, 'Come "back" – later: 100 %.', retry_after_seconds=7)
SHORT = ir.Timeouts(per_try_idle_seconds=1)
KEY = ir.SecretKey("ns", "provider", "key")
PROVIDER = "external/ns/0123456789abcdef"
NEVER_OUT = ir.OutlierDetection(consecutive_errors=1000)

FAILURES: dict[str, dict[str, Any]] = {
    "503": {"status": 503},
    "429": {"status": 429},
    "500": {"status": 500},
    "reset": {"mode": "reset"},
    "hang": {"mode": "hang"},
    "saturated": {"mode": "hang"},
}
WITHOUT_ENGINE = ("refused", "zero")
KINDS = (*FAILURES, *WITHOUT_ENGINE)


@dataclass(frozen=True)
class World:
    """A gateway, and its engines."""

    gate: Gate
    engines: Engines


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    trust = authority(tmp_path_factory.mktemp("authority"))
    with engines() as started:
        for name in (*FAILURES, "second", "last"):
            started.engine(name)
        started.engine("provider", trust.server("localhost"))
        with _gate(started, trust.trusted_ca) as running:
            yield World(running, started)


@contextmanager
def _gate(started: Engines, trusted_ca: Path) -> Iterator[Gate]:
    provider = ir.Provider(PROVIDER, "localhost", started["provider"].port, "/openai/v1", "other-name", KEY)
    pods = {name: [started[name].port] for name in (*FAILURES, "second", "last")}
    pods |= {"refused": [free_port()], "zero": []}
    full = {"connections_per_pod": 1, "queue_limit": 1, "low_priority_connections_per_pod": 1}
    pools = [
        pool(name, outliers=NEVER_OUT, **(full if name == "saturated" else {})) for name in (*KINDS, "second", "last")
    ]
    served = gateway(list(_tables()), pools, providers={PROVIDER: provider}, provider_keys={KEY: "sk-secret"})
    with gate(served, pods, place=render.Place(trusted_ca=str(trusted_ca))) as running:
        yield running


def _tables() -> Iterator[ir.RouteTable]:
    second, external = to(fleet("second")), to(ir.Backend(ir.BackendKind.EXTERNAL, PROVIDER))
    for kind in KINDS:
        failing = to(fleet(kind))
        timeouts = ir.Timeouts(per_try_idle_seconds=30) if kind == "saturated" else SHORT
        yield table(f"{kind}-fleet", rule(failing, failing, second, timeouts=timeouts))
        yield table(f"{kind}-external", rule(failing, failing, external, timeouts=timeouts))
        yield table(f"{kind}-static", rule(failing, failing, final=STATIC, timeouts=timeouts))
        yield table(f"{kind}-alone", rule(failing, failing, timeouts=timeouts))
    later = (to(fleet("503")), to(fleet("saturated")), to(fleet("last")))
    yield table("later-saturated", rule(*later))
    yield table("external-first", rule(external, external, second, timeouts=SHORT))


@contextmanager
def _occupied(world: World) -> Iterator[None]:
    """Have the one place of the pool "saturated" taken, and its queue full, while the context lasts."""
    engine = world.engines["saturated"]
    with ExitStack() as clients:
        clients.enter_context(world.gate.leave_open("saturated-alone"))
        eventually(lambda: engine.running == 1, "one request runs")
        clients.enter_context(world.gate.leave_open("saturated-alone"))
        eventually(lambda: _queued(world) == 1, "one request waits")
        yield
    eventually(lambda: _queued(world) == 0 and engine.running == 0, "what clients left is cancelled")


def _queued(world: World) -> int:
    return world.gate.envoy.stat("cluster.ns/saturated.upstream_rq_pending_active")


@contextmanager
def _failing(world: World, kind: str) -> Iterator[None]:
    for name in ("second", "last", "provider"):
        world.engines[name].reset()
    if kind in FAILURES:
        world.engines[kind].reset(**FAILURES[kind])
    with _occupied(world) if kind == "saturated" else nullcontext():
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_a_fleet_answers_where_another_fails(world: World, kind: str) -> None:
    with _failing(world, kind):
        answer = world.gate.ask(f"{kind}-fleet")

    assert (answer.status_code, answer.headers["x-engine"]) == (200, "second")


@pytest.mark.parametrize("kind", KINDS)
def test_a_provider_answers_where_a_fleet_fails(world: World, kind: str) -> None:
    with _failing(world, kind):
        answer = world.gate.ask(f"{kind}-external")

    assert (answer.status_code, answer.headers["x-engine"]) == (200, "provider")


@pytest.mark.parametrize("kind", KINDS)
def test_the_static_answer_is_given_where_a_fleet_fails(world: World, kind: str) -> None:
    with _failing(world, kind):
        answer = world.gate.ask(f"{kind}-static")

    error = answer.json()["error"]
    assert (answer.status_code, answer.headers["retry-after"], error["message"]) == (503, "7", STATIC.message)
    assert error["request_id"] == answer.headers["x-request-id"]
    assert "x-envoy-ratelimited" not in answer.headers


@pytest.mark.parametrize("kind", ["zero", "refused", "hang", "reset", "saturated"])
def test_what_nobody_answers_is_an_error_in_the_shape_of_openai(world: World, kind: str) -> None:
    with _failing(world, kind):
        answer = world.gate.ask(f"{kind}-alone")

    expected = {"hang": 504, "saturated": 429}
    assert answer.status_code == expected.get(kind, 503)
    assert answer.json()["error"].keys() >= {"message", "type", "code", "request_id"}


def test_a_saturated_fleet_answers_429_with_retry_after(world: World) -> None:
    with _failing(world, "saturated"):
        answer = world.gate.ask("saturated-alone")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["error"]["code"] == "model_saturated"


def test_errors_on_the_paths_of_anthropic_have_its_shape(world: World) -> None:
    for model in ("zero-static", "zero-alone"):
        answer = world.gate.ask(model, path="/v1/messages")

        assert (answer.status_code, answer.json()["type"]) == (503, "error")


def test_a_later_fleet_that_is_full_is_passed_over_too(world: World) -> None:
    world.engines["503"].reset(status=503)
    with _failing(world, "saturated"):
        answer = world.gate.ask("later-saturated")

    assert (answer.status_code, answer.headers["x-engine"]) == (200, "last")


def test_a_request_is_tried_as_often_as_the_rule_says(world: World) -> None:
    with _failing(world, "503"):
        world.gate.ask("503-fleet")
        world.gate.ask("503-alone")

    assert len(world.engines["503"].asked) == 4
    assert len(world.engines["second"].asked) == 1


def test_an_error_of_the_client_is_no_reason_to_ask_another(world: World) -> None:
    with _failing(world, "503"):
        world.engines["503"].reset(status=400, body=b'{"error": {"message": "mine"}}')
        answer = world.gate.ask("503-fleet")

    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "mine")
    assert len(world.engines["503"].asked) == 1


def test_a_large_body_is_sent_again_whole(world: World) -> None:
    with _failing(world, "503"):
        answer = world.gate.ask("503-fleet", prompt="x" * 3_000_000)

    assert answer.headers["x-engine"] == "second"
    assert len(world.engines["second"].asked[0].json["prompt"]) == 3_000_000


def test_a_fleet_after_a_provider_gets_the_request_as_the_client_sent_it(world: World) -> None:
    with _failing(world, "503"):
        world.engines["provider"].reset(status=503)
        answer = world.gate.ask("external-first")
    given, sent = world.engines["second"].asked[0], world.engines["provider"].asked

    assert (answer.status_code, answer.headers["x-engine"]) == (200, "second")
    assert (given.path, given.json["model"]) == ("/v1/chat/completions", "external-first")
    assert "authorization" not in given.headers
    assert [one.path for one in sent] == ["/openai/v1/chat/completions"] * 2
    assert {one.json["model"] for one in sent} == {"other-name"}


def test_a_client_that_goes_away_ends_the_request_at_the_engine(world: World) -> None:
    engine = world.engines["hang"]
    engine.reset(mode="hang")
    with world.gate.leave_open("hang-alone"):
        eventually(lambda: engine.running, "the engine works")
    left = time.monotonic()
    eventually(lambda: not engine.running, "the engine is told")

    assert time.monotonic() - left < 1
