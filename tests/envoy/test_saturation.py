"""A fleet that is full: what fits is served, what does not goes on or is refused at once."""

import time
from collections.abc import Iterator

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, tally, to

PLACES, QUEUE = 8, 16
NARROW = {"connections_per_pod": PLACES, "queue_limit": QUEUE, "low_priority_connections_per_pod": PLACES}


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Engines]:
    with engines() as started:
        for name in ("one", "two", "spare"):
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines) -> Iterator[Gate]:
    pods = {"narrow": [stand_ins["one"].port, stand_ins["two"].port], "spare": [stand_ins["spare"].port]}
    full, spare = to(fleet("narrow")), to(fleet("spare"))
    tables = [table("alone", rule(full, full)), table("spilling", rule(full, full, spare))]
    with gate(gateway(tables, [pool("narrow", **NARROW), pool("spare")]), pods, concurrency=2) as started:
        yield started


@pytest.fixture(autouse=True)
def _calm(running: Gate, stand_ins: Engines) -> None:
    for name in ("one", "two", "spare"):
        stand_ins[name].reset()
    eventually(lambda: running.envoy.stat("cluster.ns/narrow.upstream_cx_active") == 0, "connections are let go")


def test_what_does_not_fit_is_refused_at_once_and_the_rest_is_served(running: Gate, stand_ins: Engines) -> None:
    _be_slow(stand_ins, 0.5)
    answers = running.ask_many("alone", 120)
    found = tally(answers)
    served = found["one"] + found["two"]

    assert found["429"] == 120 - served
    assert served >= 2 * PLACES
    assert {one.headers["retry-after"] for one in answers if one.status_code == 429} == {"1"}
    assert all(one.elapsed.total_seconds() < 5 for one in answers if one.status_code == 429)


def test_each_pod_gets_as_many_requests_as_it_takes(running: Gate, stand_ins: Engines) -> None:
    _be_slow(stand_ins, 0.5)
    running.ask_many("alone", 60)

    # A thread of Envoy may open one connection beyond.
    assert PLACES <= stand_ins["one"].most_running <= PLACES + 1
    assert PLACES <= stand_ins["two"].most_running <= PLACES + 1


def test_a_burst_far_above_the_limit_goes_to_the_fallback(running: Gate, stand_ins: Engines) -> None:
    _be_slow(stand_ins, 0.5)
    found = tally(running.ask_many("spilling", 120))

    assert found["one"] + found["two"] + found["spare"] == 120
    assert found["spare"] >= 60
    assert found["one"] >= PLACES


def test_few_requests_of_a_burst_are_tried_more_than_once(running: Gate, stand_ins: Engines) -> None:
    _be_slow(stand_ins, 0.5)
    running.ask_many("spilling", 120)
    tries = sum(len(stand_ins[name].asked) for name in ("one", "two", "spare"))

    assert tries == 120


def test_the_fleet_serves_everything_again_after_a_burst(running: Gate, stand_ins: Engines) -> None:
    _be_slow(stand_ins, 0.5)
    running.ask_many("alone", 120)
    _be_slow(stand_ins, 0)
    began = time.monotonic()
    found = tally(running.ask_many("alone", PLACES))

    assert found["one"] + found["two"] == PLACES
    assert time.monotonic() - began < 2


def test_connections_that_nobody_uses_are_let_go(running: Gate) -> None:
    running.ask_many("alone", 2 * PLACES)

    eventually(lambda: running.envoy.stat("cluster.ns/narrow.upstream_cx_active") == 0, "they are let go", within=5)


def _be_slow(stand_ins: Engines, seconds: float) -> None:
    for name in ("one", "two"):
        stand_ins[name].behaviour.delay = seconds
