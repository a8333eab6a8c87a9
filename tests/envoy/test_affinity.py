"""Requests that belong together meet the same replica, as long as that has no more than its share."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, to

from modelfleet.gateway import ir

REPLICAS = [f"replica-{number}" for number in range(6)]
KEYS = tuple(ir.ApiKey(f"sk-{name}", scope="ns/keys", user=name) for name in ("ann", "bob", "eve", "kim", "lou"))
SYSTEM = "You are a careful assistant. " * 12


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Engines]:
    with engines() as started:
        for name in (*REPLICAS, "broken"):
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines) -> Iterator[Gate]:
    kinds = {
        "prefix": ir.Affinity(ir.AffinityKey.PREFIX, prefix_bytes=300),
        "session": ir.Affinity(ir.AffinityKey.SESSION),
        "user": ir.Affinity(ir.AffinityKey.USER),
        "none": None,
    }
    entry = ir.Access(required=False, keys=ir.KeySelector("ns"))
    tables = [table(name, rule(to(fleet(name)), to(fleet(name))), access=entry) for name in kinds]
    tables.append(table("behind", rule(to(fleet("broken")), to(fleet("prefix")))))
    pools = [pool(name, affinity=affinity) for name, affinity in kinds.items()]
    pods = {name: [stand_ins[replica].port for replica in REPLICAS] for name in kinds}
    pods["broken"] = [stand_ins["broken"].port]
    outliers = ir.OutlierDetection(consecutive_errors=1000)
    with gate(gateway(tables, [*pools, pool("broken", outliers=outliers)], keys=KEYS), pods) as started:
        yield started


def test_what_begins_alike_meets_one_replica(running: Gate) -> None:
    found = {_ask(running, "prefix", SYSTEM + str(number)) for number in range(30)}

    assert len(found) == 1


def test_what_begins_otherwise_is_spread(running: Gate) -> None:
    found = {_ask(running, "prefix", f"{number} {SYSTEM}") for number in range(60)}

    assert len(found) == len(REPLICAS)


def test_parameters_before_the_messages_make_no_difference(running: Gate) -> None:
    url = f"http://127.0.0.1:{running.port}/v1/chat/completions"
    messages = [{"role": "user", "content": SYSTEM}]
    found = {
        running.client.post(url, json={"temperature": number, "model": "prefix", "messages": messages}).headers[
            "x-engine"
        ]
        for number in range(20)
    }

    assert len(found) == 1


def test_one_session_meets_one_replica(running: Gate) -> None:
    found = [[_ask(running, "session", "hi", **{"x-session-id": name}) for _ in range(5)] for name in "abcdefgh"]

    assert all(len(set(each)) == 1 for each in found)
    assert len({each[0] for each in found}) > 1


def test_one_user_meets_one_replica_whatever_the_client_says(running: Gate) -> None:
    found = []
    for key in KEYS:
        said = [{"x-modelfleet-affinity": str(number)} for number in range(5)]
        found.append({_ask(running, "user", "hi", authorization=f"Bearer {key.key}", **each) for each in said})

    assert all(len(each) == 1 for each in found)
    assert len(set.union(*found)) > 1


@pytest.mark.parametrize("model", ["session", "user", "none"])
def test_what_belongs_to_nothing_is_spread(running: Gate, model: str) -> None:
    found = {_ask(running, model, "hi") for _ in range(80)}

    assert len(found) >= 4


def test_a_replica_takes_no_more_than_its_bound(running: Gate, stand_ins: Engines) -> None:
    for name in REPLICAS:
        stand_ins[name].reset(mode="hang")
    with ExitStack() as clients:
        for number in range(1, 31):
            # One after the other: a request whose connection is still being opened counts for no replica yet.
            clients.enter_context(running.leave_open("prefix"))
            _await_running(stand_ins, number)
        most = max(stand_ins[name].running for name in REPLICAS)
    eventually(lambda: _running(stand_ins) == 0, "what clients left is cancelled")
    for name in REPLICAS:
        stand_ins[name].reset()

    # 150 % of the mean of 5, with each of two roundings up; without a bound all 30.
    assert most <= 10


def _await_running(stand_ins: Engines, number: int) -> None:
    eventually(lambda: _running(stand_ins) == number, f"{number} requests have arrived")


def _running(stand_ins: Engines) -> int:
    return sum(stand_ins[name].running for name in REPLICAS)


def test_a_fallback_keeps_what_belongs_together_too(running: Gate, stand_ins: Engines) -> None:
    stand_ins["broken"].reset(status=503)
    direct = _ask(running, "prefix", SYSTEM)
    found = [_ask(running, "behind", SYSTEM + str(number)) for number in range(10)]

    assert all(before == after for before, after in pairwise(found))
    assert found[0] in REPLICAS
    assert direct in REPLICAS


def _ask(running: Gate, model: str, content: str, **headers: str) -> str:
    answer = running.ask(model, messages=[{"role": "system", "content": content}], headers=headers)
    return answer.headers["x-engine"]
