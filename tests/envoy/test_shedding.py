"""Requests of low priority give way while a fleet is nearly full, and only where the rule says so."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, tally, to

from modelfleet.gateway import ir
from modelfleet.gateway.render.specifier import LOW_PRIORITY_QUEUE

PLACES, LOW_PLACES = 10, 4
MANY, SERVED_MEANWHILE = 60, 10
LOW = {"authorization": "Bearer sk-low"}
KEYS = (ir.ApiKey("sk-low", scope="ns/keys", user="batch", priority=ir.Priority.LOW),)


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Engines]:
    with engines() as started:
        for name in ("busy", "spare"):
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines) -> Iterator[Gate]:
    busy, spare = to(fleet("busy")), to(fleet("spare"))
    entry = ir.Access(required=False, keys=ir.KeySelector("ns"))
    tables = [
        table("reject", rule(busy, busy, spare, shed=ir.Shed.REJECT), access=entry),
        table("fallback", rule(busy, busy, spare, shed=ir.Shed.FALLBACK), access=entry),
        table("equal", rule(busy, busy), access=entry),
    ]
    narrow = pool(
        "busy", connections_per_pod=PLACES, low_priority_connections_per_pod=LOW_PLACES, queue_limit=5 * PLACES
    )
    pods = {name: [stand_ins[name].port] for name in ("busy", "spare")}
    with gate(gateway(tables, [narrow, pool("spare")], keys=KEYS), pods) as started:
        yield started


@pytest.fixture(autouse=True)
def _calm(running: Gate, stand_ins: Engines) -> None:
    for name in ("busy", "spare"):
        stand_ins[name].reset()
    eventually(lambda: running.envoy.stat("cluster.ns/busy.upstream_cx_active") == 0, "connections are let go")


@contextmanager
def _half_full(running: Gate, stand_ins: Engines) -> Iterator[None]:
    """Have six of ten places taken by others while the context lasts."""
    engine = stand_ins["busy"]
    engine.behaviour.mode = "hang"
    with ExitStack() as clients:
        for number in range(6):
            clients.enter_context(running.leave_open("equal"))
            _await_running(stand_ins, number + 1)
        engine.behaviour.mode = "answer"
        engine.behaviour.delay = 0.5
        yield


def _await_running(stand_ins: Engines, number: int) -> None:
    eventually(lambda: stand_ins["busy"].running == number, f"{number} requests run")


def test_low_priority_has_its_places_while_the_fleet_is_free(running: Gate) -> None:
    assert running.ask("reject", headers=LOW).headers["x-engine"] == "busy"
    assert running.ask("fallback", headers=LOW).headers["x-engine"] == "busy"


def test_a_burst_of_low_priority_is_served_while_the_fleet_is_free(running: Gate) -> None:
    assert tally(running.ask_many("reject", LOW_PLACES, headers=LOW)) == {"busy": LOW_PLACES}


def test_low_priority_is_refused_above_its_limit(running: Gate, stand_ins: Engines) -> None:
    with _half_full(running, stand_ins):
        found = tally(running.ask_many("reject", MANY, headers=LOW))

    # One connection is always allowed to each kind of requests, and a few wait for it.
    assert found["429"] >= MANY - LOW_PRIORITY_QUEUE - SERVED_MEANWHILE
    assert found["spare"] == 0
    assert found["busy"] == MANY - found["429"]


def test_low_priority_goes_elsewhere_above_its_limit(running: Gate, stand_ins: Engines) -> None:
    with _half_full(running, stand_ins):
        found = tally(running.ask_many("fallback", MANY, headers=LOW))

    assert found["spare"] >= MANY - LOW_PRIORITY_QUEUE - SERVED_MEANWHILE
    assert found["spare"] + found["busy"] == MANY


@pytest.mark.parametrize("model", ["reject", "fallback"])
def test_everybody_else_has_the_rest_of_the_places(running: Gate, stand_ins: Engines, model: str) -> None:
    with _half_full(running, stand_ins):
        found = tally(running.ask_many(model, 4))

    assert found == {"busy": 4}


def test_without_shedding_priorities_are_alike(running: Gate, stand_ins: Engines) -> None:
    with _half_full(running, stand_ins):
        found = tally(running.ask_many("equal", 8, headers=LOW))

    assert found == {"busy": 8}
