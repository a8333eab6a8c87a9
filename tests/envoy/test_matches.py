"""Conditions of rules: the first rule that matches decides, in the order of the table."""

from collections.abc import Iterator

import pytest
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import CHAT, Gate, fleet, gate, gateway, pool, rule, table, to

from modelfleet.gateway import ir

KEYS = (
    ir.ApiKey("sk-ann", scope="ns/keys", user="ann", team="search"),
    ir.ApiKey("sk-bob", scope="ns/keys", user="bob", team="a.b"),
    ir.ApiKey("sk-low", scope="ns/keys", user="low", team="batch", priority=ir.Priority.LOW),
)
ENTRY = ir.Access(required=False, keys=ir.KeySelector("ns"))
EXACT, PREFIX, REGEX = ir.HeaderTest.EXACT, ir.HeaderTest.PREFIX, ir.HeaderTest.REGEX
RULES = {
    "exact": ir.Match(headers=(ir.HeaderMatch("x-kind", EXACT, "a b"),)),
    "prefix": ir.Match(headers=(ir.HeaderMatch("x-kind", PREFIX, "pre"),)),
    "regex": ir.Match(headers=(ir.HeaderMatch("x-kind", REGEX, "v[0-9]+"),)),
    "present": ir.Match(headers=(ir.HeaderMatch("x-present", ir.HeaderTest.PRESENT),)),
    "both": ir.Match(headers=(ir.HeaderMatch("x-both", EXACT, "1"), ir.HeaderMatch("x-other", ir.HeaderTest.ABSENT))),
    "users": ir.Match(users=("zoe", "ann")),
    "teams": ir.Match(teams=("c+d", "a.b")),
    "low": ir.Match(priority=ir.Priority.LOW),
    "small": ir.Match(body_bytes_at_most=200),
}


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Engines]:
    with engines() as started:
        for name in (*RULES, "rest"):
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines) -> Iterator[Gate]:
    rules = [rule(to(fleet(name)), name=name, match=match) for name, match in RULES.items()]
    tables = [
        table("all", *rules, rule(to(fleet("rest")), name="rest"), access=ENTRY),
        table("some", rules[0], access=ENTRY),
        table("closed", rules[0], access=ir.Access(required=True, keys=ir.KeySelector("ns"))),
    ]
    pods = {name: [stand_ins[name].port] for name in (*RULES, "rest")}
    with gate(gateway(tables, [pool(name) for name in pods], keys=KEYS), pods) as started:
        yield started


LONG = "x" * 300


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-kind": "a b"}, "exact"),
        ({"x-kind": "a  b"}, "rest"),
        ({"x-kind": "prefixed"}, "prefix"),
        ({"x-kind": "v17"}, "regex"),
        ({"x-kind": "v17b"}, "rest"),
        ({"x-present": "anything"}, "present"),
        ({"x-both": "1"}, "both"),
        ({"x-both": "1", "x-other": ""}, "rest"),
        ({"x-kind": "a b", "x-both": "1"}, "exact"),
        ({"authorization": "Bearer sk-ann"}, "users"),
        ({"authorization": "Bearer sk-bob"}, "teams"),
        ({"authorization": "Bearer sk-low"}, "low"),
        ({"x-modelfleet-user": "ann", "x-modelfleet-team": "a.b", "x-modelfleet-priority": "Low"}, "rest"),
    ],
)
def test_the_first_rule_that_matches_decides(running: Gate, headers: dict[str, str], expected: str) -> None:
    assert running.ask("all", headers=headers, long=LONG).headers["x-engine"] == expected


def test_the_size_of_the_whole_body_counts_up_to_its_last_byte(running: Gate) -> None:
    found = [_of_size(running, size) for size in (199, 200, 201)]

    assert found == ["small", "small", "rest"]


def test_a_size_that_the_client_claims_counts_for_nothing(running: Gate) -> None:
    assert running.ask("all", headers={"x-modelfleet-body-bytes": "1"}, long=LONG).headers["x-engine"] == "rest"


def test_what_no_rule_takes_is_404_and_the_name_exists(running: Gate) -> None:
    answer = running.ask("some")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_matching_rule")


def test_what_no_rule_takes_tells_strangers_nothing(running: Gate) -> None:
    assert running.ask("closed").status_code == 401


def _of_size(running: Gate, size: int) -> str:
    start = '{"model": "all", "x": "'
    content = start + "y" * (size - len(start) - 2) + '"}'
    url, headers = f"http://127.0.0.1:{running.port}{CHAT}", {"content-type": "application/json"}
    return running.client.post(url, content=content, headers=headers).headers["x-engine"]
