"""What is wrong with a policy or a Secret, in a real Envoy: it does what is left of it, and harms nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import Gate, gate
from tests.gateway import objects
from tests.gateway.objects import outside, rule, to

from modelfleet.gateway.lower.whole import Lowered

NAMESPACE = "ns"
FLEETS = ("one", "two", "down", "down-too")
OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
SHARED, FINE = "key-of-two-users-000", "key-of-the-fine-user"
FALLBACK = {"fallback": [to("two")]}


def policy(name: str, *rules: dict[str, Any], models: tuple[str, ...] = (), **more: Any) -> Any:
    """Return a policy for the model that is called like it, open to every key."""
    more = {"auth": {"apiKeys": {}}, **more}
    return objects.policy(*rules, name=name, namespace=NAMESPACE, models=models or (name,), **more)


POLICIES = (
    policy("good", rule(to("one"))),
    policy("incumbent", rule(to("one")), models=("contested",), created=OLD),
    policy("late", rule(to("two")), models=("contested", "uncontested"), created=NEW),
    policy("half-missing", rule(to("gone"), to("two"))),
    policy("all-missing", rule(to("gone"), fallback=[to("gone-too")])),
    policy("missing-static", rule(to("gone"), fallback=[{"static": {"status": 418, "message": "mine"}}])),
    policy("no-weight", rule(to("one", weight=0), to("gone"), **FALLBACK)),
    policy("no-weight-at-all", rule(to("one", weight=0), to("gone"))),
    policy("forbidden-host", rule(outside("api.example.com"), **FALLBACK)),
    policy("forbidden-hosts", rule(outside("api.example.com"), fallback=[outside("api.example.org")])),
    policy("keyless", rule(outside("allowed.example.com", apiKeySecretRef={"name": "gone"}), **FALLBACK)),
    policy("round", rule(to("down"), fallback=[to("down-too")]), models=("down-too",)),
    policy("and-round", rule(to("down-too"), fallback=[to("down")]), models=("down",)),
    policy("no-secret", rule(to("one")), auth={"apiKeys": {"secretSelector": {"matchLabels": {"no": "such"}}}}),
    policy(
        "no-issuer",
        rule(to("one")),
        auth={"jwt": {"issuer": "https://a.example.com", "jwksUri": "https://a.example.com/k", "audiences": ["x"]}},
    ),
    policy("typo", rule(to("one")), auth={"apiKeys": {"secretSelector": {"matchLabels": {"kind": "opaque"}}}}),
)
OPAQUE = {**objects.secret("opaque", namespace=NAMESPACE, labels={"kind": "opaque"}, eve="key-of-opaque-eve-0")}
SECRETS = (
    objects.secret("clients", namespace=NAMESPACE, created=OLD, ada=SHARED, fine=FINE, empty="", short="short"),
    objects.secret("twice", namespace=NAMESPACE, created=NEW, bob=SHARED),
    objects.secret(
        "broken",
        namespace=NAMESPACE,
        spaced="a key with spaces 00",
        token="eyJhbGciOiJub25lIn0",
        ok="key-beside-broken-ones",
    ),
    {**OPAQUE, "type": "Opaque"},
)
MADE = objects.lowered(
    *(objects.fleet(name, namespace=NAMESPACE) for name in FLEETS),
    *POLICIES,
    *SECRETS,
    secretNamespaces=[NAMESPACE],
    allowedHosts=["allowed.example.com"],
)


@pytest.fixture(scope="module")
def stand_ins() -> Iterator[Engines]:
    with engines() as started:
        for name in FLEETS:
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines) -> Iterator[Gate]:
    with gate(MADE.gateway, {name: [stand_ins[name].port] for name in FLEETS}) as started:
        yield started


@pytest.fixture(autouse=True)
def _calm(stand_ins: Engines) -> None:
    for name in FLEETS:
        stand_ins[name].reset(status=503 if name.startswith("down") else 200)


def met(running: Gate, model: str, key: str = FINE) -> str:
    """Return which engine answered, or else the status and the code of the error."""
    answer = running.ask(model, headers={"authorization": f"Bearer {key}"})
    return answer.headers.get("x-engine") or f"{answer.status_code} {answer.json()['error']['code']}"


@pytest.mark.parametrize(
    ("model", "expected", "told"),
    [
        ("good", "one", None),
        ("contested", "one", "late: Conflict"),
        ("uncontested", "two", "late: Conflict"),
        ("half-missing", "two", "half-missing: RefNotFound"),
        ("missing-static", "418 fallback", "missing-static: RefNotFound"),
        ("no-weight", "two", "no-weight: RefNotFound"),
        ("forbidden-host", "two", "forbidden-host: HostNotAllowed"),
        ("keyless", "two", "keyless: RefNotFound"),
    ],
)
def test_what_is_left_of_a_policy_serves(running: Gate, model: str, expected: str, told: str | None) -> None:
    assert met(running, model) == expected
    assert told is None or told in problems(MADE)


@pytest.mark.parametrize("model", ["all-missing", "no-weight-at-all", "forbidden-hosts"])
def test_a_policy_of_which_nothing_is_left_answers_503_and_goes_nowhere_else(
    running: Gate, stand_ins: Engines, model: str
) -> None:
    assert met(running, model).startswith("503 ")
    assert not [name for name in FLEETS if stand_ins[name].asked]


@pytest.mark.parametrize("model", ["down", "down-too"])
def test_policies_that_fall_back_to_each_other_come_to_an_end(running: Gate, stand_ins: Engines, model: str) -> None:
    answer = running.ask(model, headers={"authorization": f"Bearer {FINE}"})

    assert answer.status_code == 503
    assert sum(len(stand_ins[name].asked) for name in FLEETS) == 3


@pytest.mark.parametrize("model", ["no-secret", "no-issuer", "typo"])
def test_credentials_that_are_wrong_let_nobody_in(running: Gate, model: str) -> None:
    assert met(running, model).startswith("403 ")
    assert [one for one in problems(MADE) if one.startswith(f"{model}: ")]


@pytest.mark.parametrize(("key", "user"), [(SHARED, "ada"), (FINE, "fine"), ("key-beside-broken-ones", "ok")])
def test_keys_beside_broken_ones_count(running: Gate, stand_ins: Engines, key: str, user: str) -> None:
    assert met(running, "good", key) == "one"
    assert stand_ins["one"].asked[-1].headers["x-modelfleet-user"] == user


@pytest.mark.parametrize("key", ["short", "a key with spaces 00", "eyJhbGciOiJub25lIn0", "key-of-opaque-eve-0"])
def test_a_key_that_is_none_opens_nothing(running: Gate, key: str) -> None:
    assert met(running, "good", key).startswith("401 ")


def problems(made: Lowered) -> list[str]:
    """Return what policies are told, each with the policy's name."""
    told = ((name, one.reason) for name, policy in made.policies.items() for one in policy.problems)
    return [f"{name.removeprefix('ns/')}: {reason}" for name, reason in told]
