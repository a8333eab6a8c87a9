"""Shares of a split: kept on the whole, the same for one user always, and moved no more than they must."""

from collections.abc import Iterator

import pytest
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, to

from modelfleet.gateway import ir

USERS = [f"user-{number}" for number in range(400)]
SESSION = "x-session-id"


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Engines]:
    with engines() as started:
        for name in ("stable", "canary", "spare"):
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines) -> Iterator[Gate]:
    def split(stable: int, canary: int, sticky: str | None = SESSION) -> ir.Split:
        return to((fleet("stable"), stable), (fleet("canary"), canary), sticky=sticky)

    tables = [
        table("ten", rule(split(90, 10), split(90, 10))),
        table("twenty", rule(split(80, 20), split(80, 20))),
        table("half", rule(split(1, 1, None), split(1, 1, None), to(fleet("spare")))),
    ]
    pods = {name: [stand_ins[name].port] for name in ("stable", "canary", "spare")}
    outliers = ir.OutlierDetection(consecutive_errors=1000)
    with gate(gateway(tables, [pool(name, outliers=outliers) for name in pods]), pods) as started:
        yield started


def test_shares_are_kept(running: Gate) -> None:
    chosen = _chosen(running, "ten")

    assert 20 <= list(chosen.values()).count("canary") <= 60


def test_one_session_gets_the_same_backend_always(running: Gate) -> None:
    chosen = _chosen(running, "ten")

    for user in USERS[:50]:
        assert _ask(running, "ten", user) == chosen[user]


def test_a_greater_share_takes_sessions_and_gives_none_back(running: Gate) -> None:
    before, after = _chosen(running, "ten"), _chosen(running, "twenty")
    moved = [user for user in USERS if before[user] != after[user]]

    assert {after[user] for user in moved} == {"canary"}
    assert 15 <= len(moved) <= 70


def test_without_anything_to_stick_to_chance_decides(running: Gate) -> None:
    found = [running.ask("half").headers["x-engine"] for _ in range(60)]

    assert 10 <= found.count("canary") <= 50


def test_another_try_stays_with_the_backend_and_then_goes_on(running: Gate, stand_ins: Engines) -> None:
    for engine in ("stable", "canary", "spare"):
        stand_ins[engine].reset(status=200 if engine == "spare" else 503)
    answer = running.ask("half")
    asked = [len(stand_ins[name].asked) for name in ("stable", "canary", "spare")]
    for engine in ("stable", "canary"):
        stand_ins[engine].reset()

    assert answer.headers["x-engine"] == "spare"
    assert sorted(asked) == [0, 1, 2]


def _chosen(running: Gate, model: str) -> dict[str, str]:
    return {user: _ask(running, model, user) for user in USERS}


def _ask(running: Gate, model: str, session: str) -> str:
    return running.ask(model, headers={SESSION: session}).headers["x-engine"]
