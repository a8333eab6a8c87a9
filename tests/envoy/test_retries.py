"""Another try goes to another replica, soon but not at once, and not without end."""

import time
from collections.abc import Iterator

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, tally, to

from modelfleet.gateway import ir

NEVER_OUT = ir.OutlierDetection(consecutive_errors=100_000)
SOON_OUT = ir.OutlierDetection(consecutive_errors=5, ejection_seconds=1)
BUSY = {"status": 429, "headers": {"retry-after": "1"}}


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Engines]:
    with engines() as started:
        for name in ("good", "bad", "only", "weak", "strong", "down", "spare"):
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines) -> Iterator[Gate]:
    pair, only, out = to(fleet("pair")), to(fleet("only")), to(fleet("out"))
    short = ir.Timeouts(per_try_idle_seconds=1)
    tables = [
        table("pair", rule(pair, pair)),
        table("chained", rule(pair, pair, to(fleet("spare")))),
        table("only", rule(only, only)),
        table("thrice", rule(only, only, only, retries=ir.Retries(base_milliseconds=200, max_milliseconds=400))),
        *(table(name, rule(*[to(fleet(name))] * 4)) for name in ("thrifty", "lavish")),
        table("outage", rule(to(fleet("down")), to(fleet("down")), to(fleet("spare")))),
        table("idle", rule(only, timeouts=short)),
        table("bounded", rule(only, timeouts=ir.Timeouts(request_seconds=1))),
        table("out", rule(out, out)),
    ]
    pods = {
        "pair": [stand_ins["good"].port, stand_ins["bad"].port],
        **{name: [stand_ins["only"].port] for name in ("only", "thrifty", "lavish")},
        "out": [stand_ins["weak"].port, stand_ins["strong"].port],
        "down": [stand_ins["down"].port],
        "spare": [stand_ins["spare"].port],
    }
    percents = {"thrifty": 1, "lavish": 100}
    pools = [
        pool(name, outliers=SOON_OUT if name == "out" else NEVER_OUT, retry_budget_percent=percents.get(name, 20))
        for name in pods
    ]
    with gate(gateway(tables, pools), pods) as started:
        yield started


@pytest.fixture(autouse=True)
def _calm(stand_ins: Engines) -> None:
    for name in ("good", "bad", "only", "weak", "strong", "down", "spare"):
        stand_ins[name].reset()


@pytest.mark.parametrize("model", ["pair", "chained"])
def test_another_try_goes_to_another_replica(running: Gate, stand_ins: Engines, model: str) -> None:
    stand_ins["bad"].reset(status=503)
    found = tally([running.ask(model) for _ in range(60)])

    assert found == {"good": 60}
    assert len(stand_ins["bad"].asked) >= 10


def test_tries_wait_longer_and_longer_and_not_alike(running: Gate, stand_ins: Engines) -> None:
    stand_ins["only"].reset(status=503)
    waits = []
    for _ in range(4):
        began = time.monotonic()
        running.ask("thrice")
        waits.append(time.monotonic() - began)

    assert len(stand_ins["only"].asked) == 12
    assert max(waits) > 0.05
    assert max(waits) - min(waits) > 0.01


def test_retry_after_is_waited_for_where_nobody_else_can_be_asked(running: Gate, stand_ins: Engines) -> None:
    stand_ins["only"].reset(**BUSY)
    began = time.monotonic()
    answer = running.ask("only")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert time.monotonic() - began >= 0.9


def test_retry_after_keeps_nobody_from_the_fallback(running: Gate, stand_ins: Engines) -> None:
    stand_ins["down"].reset(**BUSY)
    began = time.monotonic()
    answer = running.ask("outage")

    assert answer.headers["x-engine"] == "spare"
    assert time.monotonic() - began < 0.9


def test_retries_keep_to_their_budget(running: Gate, stand_ins: Engines) -> None:
    tries = {}
    for name in ("thrifty", "lavish"):
        stand_ins["only"].reset(status=503, delay=1)
        running.ask_many(name, 250)
        tries[name] = len(stand_ins["only"].asked)

    # A hundred retries at once are always allowed.
    assert 250 < tries["thrifty"] < 250 * 3
    assert tries["lavish"] > tries["thrifty"]


def test_fallbacks_know_no_budget(running: Gate, stand_ins: Engines) -> None:
    stand_ins["down"].reset(status=503, delay=0.1)
    found = tally(running.ask_many("outage", 150))

    assert found == {"spare": 150}


def test_a_replica_that_errs_is_left_out_within_a_few_tries_and_comes_back(running: Gate, stand_ins: Engines) -> None:
    stand_ins["weak"].reset(status=503)
    found = tally([running.ask("out") for _ in range(60)])
    asked = len(stand_ins["weak"].asked)
    stand_ins["weak"].reset()
    eventually(lambda: running.ask("out").headers["x-engine"] == "weak", "it is asked again")

    assert found == {"strong": 60}
    # With Envoy's default for merging updates it would go on for a second.
    assert asked == SOON_OUT.consecutive_errors


def test_a_stream_ends_when_nothing_comes_for_too_long(running: Gate, stand_ins: Engines) -> None:
    stand_ins["only"].reset(mode="hang")
    began = time.monotonic()
    answer = running.ask("idle")

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")
    assert time.monotonic() - began < 4


def test_a_request_has_no_limit_unless_the_rule_sets_one(running: Gate, stand_ins: Engines) -> None:
    stand_ins["only"].reset(delay=1.5)

    assert running.ask("only").status_code == 200
    assert running.ask("bounded").status_code == 504
