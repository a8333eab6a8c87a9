"""The routing table says in words what the gateway does, and never shows a key."""

import pytest
from tests.gateway.objects import (
    KEY,
    fleet,
    lowered,
    outside,
    policy,
    provider_secret,
    rule,
    secret,
    to,
)

from modelfleet.gateway.ir import (
    Access,
    HeaderMatch,
    HeaderTest,
    JwtProvider,
    KeySelector,
    Limit,
    Match,
    Per,
    Priority,
)
from modelfleet.gateway.table import Unreachable, access_in_words, limit_in_words, match_in_words, rows, unreachable

KEYS = KeySelector("a")
TOKENS = JwtProvider("0123", "https://id", "https://id/keys", ("llm",))


def test_every_rule_is_a_row_with_its_tries_in_order() -> None:
    static = {"static": {"status": 529, "message": "later"}}
    shared = rule(to("llama", weight=90), to("big", weight=10), name="shared")
    chain = rule(name="chain", fallback=[to("big"), outside(model="gpt-x"), static])

    found = rows(
        lowered(fleet(), fleet("big"), policy(shared, chain), secret(), allowedHosts=["api.example.com"]).gateway
    )

    assert [(row.rule, row.tries, row.finally_) for row in found] == [
        ("shared", "(models/llama 90% | models/big 10%) ×2", "the last error"),
        ("chain", "models/llama ×2 → models/big → api.example.com as gpt-x", '529 "later"'),
    ]
    assert found[0].cells()[:2] == ("chat", "keys of namespace models")
    assert found[1].cells(found[0])[:2] == ("", "")


def test_rule_without_any_backend_says_so() -> None:
    assert rows(lowered(policy(rule(to("gone")))).gateway)[0].tries == "none"


@pytest.mark.parametrize(
    ("access", "words"),
    [
        (Access(required=True), "nobody"),
        (Access(required=False), "no credentials"),
        (Access(True, KeySelector("a", (("b", "c"), ("d", "e")))), "keys of namespace a with b=c, d=e"),
        (Access(True, KEYS, TOKENS), "keys of namespace a or tokens of https://id"),
        (Access(False, KEYS), "keys of namespace a or no credentials"),
        (Access(True, KEYS, None, ("ada",), ("search",)), "keys of namespace a, only user ada or team search"),
    ],
)
def test_access_in_words(access: Access, words: str) -> None:
    assert access_in_words(access) == words


def test_match_in_words() -> None:
    headers = tuple(HeaderMatch(f"x-{test}", test, "v") for test in HeaderTest)
    match = Match(headers, body_bytes_at_most=9, teams=("a", "b"), users=("c",), priority=Priority.LOW)

    assert match_in_words(match) == (
        'x-exact = "v", x-prefix = "v…", x-regex ~ /v/, with x-present, without x-absent, body ≤ 9 bytes, '
        "team a or b, user c, priority Low"
    )
    assert match_in_words(Match()) == "all"


def test_limit_in_words() -> None:
    assert limit_in_words(Limit(Per.USER, 60, 9000)) == "60 requests and 9000 tokens a minute per user"
    assert limit_in_words(Limit(Per.MODEL, reserved_tokens_per_minute=9000)) == "9000 tokens a minute per model"


def test_names_that_lead_nowhere_say_why() -> None:
    older = fleet("older", namespace="a", model={"servedNames": ["mine"]}, created="2025-01-01T00:00:00Z")
    younger = fleet("mine", created="2026-01-01T00:00:00Z", exposure="PolicyOnly")

    found = unreachable(lowered(fleet(), policy(), older, younger))

    assert found == [
        Unreachable(
            "llama", "models/llama", "reached through RoutePolicy models/chat alone; `exposure: Direct` opens it"
        ),
        Unreachable("mine", "models/mine", "belongs to a/older"),
        Unreachable("models/llama", "models/llama", found[0].reason),
        Unreachable("models/mine", "models/mine", "`exposure` is PolicyOnly, and no RoutePolicy sends requests to it"),
    ]


def test_refined_name_is_reached_and_a_lost_one_of_a_policy_is_not() -> None:
    refining = policy(models=["llama"], created="2026-01-01T00:00:00Z")
    thief = policy(models=["llama"], namespace="x", name="thief", created="2026-01-02T00:00:00Z")

    found = unreachable(lowered(fleet(created="2025-01-01T00:00:00Z"), refining, thief))

    assert [(one.name, one.of) for one in found] == [
        ("llama", "RoutePolicy x/thief"),
        ("models/llama", "models/llama"),
    ]
    assert found[0].reason == "belongs to RoutePolicy models/chat"


def test_no_key_is_in_any_form_of_the_gateway() -> None:
    external = outside(apiKeySecretRef={"name": "openai"})

    found = lowered(policy(rule(external)), secret(), provider_secret(), allowedHosts=["api.example.com"])

    assert len(found.gateway.keys) == 1
    assert len(found.gateway.provider_keys) == 1
    assert KEY not in repr(found)
    assert KEY not in repr(rows(found.gateway))
