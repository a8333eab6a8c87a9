"""Budgets per minute in a real Envoy: who shares one, what a request reserves, and what the client is told."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.client_listener import ALICE, KEYS, ClientListener, client_listener, cluster, error_of, table

from modelfleet.gateway.ir import ApiKey, Gateway, Limit, Per, RouteTable
from modelfleet.gateway.render.bootstrap import LOCAL_CLUSTER

CARL, ALICE_TOO, ALINA, LONER = "key-of-carl-00000", "key-of-alice-2-000", "key-of-alina-0000", "key-of-loner-0000"
MORE = (
    ApiKey(CARL, scope="models/people", user="carl", team="blue"),
    ApiKey(ALICE_TOO, scope="models/others", user="alice", team="blue"),
    ApiKey(ALINA, scope="models/people", user="alina", team="red"),
    ApiKey(LONER, scope="models/people", user="loner"),
)
CROWD = tuple(ApiKey(f"key-of-one-of-many-{i}", scope="models/people", user=f"one-{i}") for i in range(50))


def limited(name: str, *limits: Limit, required: bool = True, also: tuple[str, ...] = ()) -> RouteTable:
    return table(name, *also, limits=limits, required=required)


TABLES = (
    limited("user", Limit(Per.USER, requests_per_minute=3)),
    limited("team", Limit(Per.TEAM, requests_per_minute=3)),
    limited("model", Limit(Per.MODEL, requests_per_minute=3), also=("model-too",)),
    limited("open", Limit(Per.USER, requests_per_minute=2), required=False),
    limited("tokens", Limit(Per.USER, reserved_tokens_per_minute=1000, default_max_tokens=400)),
    limited("tokens-2", Limit(Per.USER, reserved_tokens_per_minute=1000, default_max_tokens=300)),
    limited("hostile", Limit(Per.USER, reserved_tokens_per_minute=10, default_max_tokens=1)),
    limited("both", Limit(Per.USER, requests_per_minute=2), Limit(Per.TEAM, requests_per_minute=3)),
    limited("crowded", Limit(Per.USER, requests_per_minute=1)),
    limited("free"),
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    with client_listener(Gateway(tables={each.name: each for each in TABLES}, keys=(*KEYS, *MORE, *CROWD))) as running:
        yield running


def sharing(replicas: int, *tables: RouteTable) -> AbstractContextManager[ClientListener]:
    """Start one of several replicas."""
    gateway = Gateway(tables={each.name: each for each in tables}, keys=(*KEYS, *MORE))
    return client_listener(gateway, clusters={LOCAL_CLUSTER: cluster(LOCAL_CLUSTER, *range(1, replicas + 1))})


def statuses(gateway: ClientListener, model: str, key: str | None, count: int, **body: Any) -> list[int]:
    return [gateway.ask(model, key=key, **body).status_code for _ in range(count)]


def test_a_user_has_one_budget_whichever_secret_of_the_namespace_has_the_key(gateway: ClientListener) -> None:
    assert statuses(gateway, "user", ALICE, 3) == [200, 200, 200]
    assert statuses(gateway, "user", ALICE_TOO, 1) == [429]
    assert statuses(gateway, "user", CARL, 3) == [200, 200, 200]


def test_a_team_has_one_budget_and_who_has_none_shares_one_too(gateway: ClientListener) -> None:
    assert statuses(gateway, "team", ALICE, 2) + statuses(gateway, "team", ALINA, 2) == [200, 200, 200, 429]
    assert statuses(gateway, "team", CARL, 1) == [200]
    assert statuses(gateway, "team", LONER, 4) == [200, 200, 200, 429]


def test_each_name_of_a_table_has_its_budget_for_everybody(gateway: ClientListener) -> None:
    assert statuses(gateway, "model", ALICE, 2) + statuses(gateway, "model", CARL, 2) == [200, 200, 200, 429]
    assert statuses(gateway, "model-too", ALICE, 1) == [200]


def test_many_users_have_a_budget_each_at_the_same_time(gateway: ClientListener) -> None:
    """Envoy by itself remembers twenty."""
    rounds = [[gateway.ask("crowded", key=one.key).status_code for one in CROWD] for _ in range(2)]

    assert rounds == [[200] * len(CROWD), [429] * len(CROWD)]


def test_callers_without_credentials_share_one_budget(gateway: ClientListener) -> None:
    assert statuses(gateway, "open", None, 3) == [200, 200, 429]
    assert statuses(gateway, "open", ALICE, 1) == [200]


def test_the_strictest_of_several_limits_refuses(gateway: ClientListener) -> None:
    assert statuses(gateway, "both", ALICE, 3) == [200, 200, 429]


def test_a_table_without_limits_has_none(gateway: ClientListener) -> None:
    assert set(statuses(gateway, "free", ALICE, 30)) == {200}


def test_what_is_over_the_limit_gets_429_and_when_to_try_again(gateway: ClientListener) -> None:
    statuses(gateway, "user", ALINA, 3)
    answer = gateway.ask("user", key=ALINA)

    assert answer.status_code == 429
    assert error_of(answer)["code"] == "rate_limit_exceeded"
    assert error_of(answer)["type"] == answer.headers["x-ratelimit-limited-by"] == "requests"
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("3", "0")
    assert gateway.ask("user", key=ALINA, path="/v1/messages").json()["error"]["type"] == "rate_limit_error"


def test_a_request_reserves_its_maximum_or_the_default(gateway: ClientListener) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"max_tokens": 100},
        {"max_completion_tokens": 50, "max_tokens": 7},
        {"max_output_tokens": 10},
    ]
    answers = [gateway.ask("tokens", key=ALICE, **body) for body in bodies]
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers]

    # a second passes, and the bucket fills by 17 tokens a second
    assert left == pytest.approx([600, 500, 450, 440], abs=60)


def test_several_answers_reserve_several_times_as_much(gateway: ClientListener) -> None:
    named = gateway.ask("tokens", key=CARL, n=3, max_tokens=100)
    default = gateway.ask("tokens-2", key=CARL, n=2)

    assert int(named.headers["x-ratelimit-remaining"]) == pytest.approx(700, abs=40)
    assert int(default.headers["x-ratelimit-remaining"]) == pytest.approx(400, abs=40)


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        pytest.param(b'"prompt": "a, [b], {c}"', 1, id="one prompt"),
        pytest.param(b'"prompt": ["a", "b,[\\"", "c"]', 3, id="a list of texts"),
        pytest.param(b'"prompt": ["a", "b"], "n": 2', 4, id="a list, and several answers to each"),
        pytest.param(b'"prompt": ["a", "b"], "n": 2, "best_of": 3', 6, id="the best of several"),
        pytest.param(b'"prompt": [1, 2, 3]', 1, id="one prompt in tokens"),
        pytest.param(b'"prompt": [[1, 2], [3], []]', 3, id="a list in tokens"),
        pytest.param(b'"\\u0070rompt": ["a", "b"]', 2, id="an escaped key"),
        pytest.param(b'"prompt": ["a", "b"], "prompt": "a"', 2, id="given twice"),
        pytest.param(b'"prompt_embeds": ["a", "b"], "prompt": "a"', 3, id="embeddings too"),
        pytest.param(b'"x": {"prompt": ["a", "b"]}, "y": [["prompt", "b"]], "prompt": ""', 1, id="decoys"),
    ],
)
def test_each_prompt_of_a_completion_reserves(gateway: ClientListener, body: bytes, answers: int) -> None:
    whole = b'{"model": "free", "max_tokens": 10, %s}' % body

    assert gateway.post(whole, path="/v1/completions").status_code == 200
    assert gateway.engine.last.headers["x-modelfleet-tokens"] == str(10 * answers)
    assert gateway.engine.last.body == whole


def test_prompts_without_end_are_not_counted_without_end(gateway: ClientListener) -> None:
    body = b'{"model": "tokens", "max_tokens": 1, "prompt": [%s""]}' % (b'"",' * 1_000_000)
    began = time.monotonic()

    assert gateway.post(body, key=CARL, path="/v1/completions").status_code == 429
    assert time.monotonic() - began < 20


def test_a_reservation_that_does_not_fit_says_how_long_the_bucket_needs(gateway: ClientListener) -> None:
    statuses(gateway, "tokens", LONER, 2)
    answer = gateway.ask("tokens", key=LONER, max_tokens=900)

    assert answer.status_code == 429
    assert error_of(answer)["type"] == "tokens"
    assert int(answer.headers["retry-after"]) == 1 + 900 * 60 // 1000


@pytest.mark.parametrize("tokens", [10**6, 10**12, 2**64, 1e300])
def test_a_maximum_above_every_budget_is_refused_and_takes_nothing(gateway: ClientListener, tokens: float) -> None:
    answer = gateway.ask("tokens-2", key=ALINA, max_tokens=tokens)

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "60"
    assert answer.headers["x-ratelimit-remaining"] == "1000"


def test_nobody_reserves_nothing(gateway: ClientListener) -> None:
    """A maximum of 0 reserves a token, so that requests without end are not free."""
    refused = [status for status in statuses(gateway, "hostile", ALICE, 14, max_tokens=0) if status == 429]

    assert refused


def test_replicas_share_a_budget() -> None:
    replicas = cluster(LOCAL_CLUSTER, 1, 2, 3)
    shared = limited("user", Limit(Per.USER, requests_per_minute=30))
    with client_listener(
        Gateway(tables={shared.name: shared}, keys=KEYS), clusters={LOCAL_CLUSTER: replicas}
    ) as gateway:
        began = time.monotonic()
        passed = statuses(gateway, "user", ALICE, 20).count(200)
        refilled = (time.monotonic() - began) * 10 / 60

        assert 10 <= passed <= 11 + refilled


@pytest.mark.parametrize("replicas", [1, 2, 5])
def test_a_budget_smaller_than_the_number_of_replicas_lets_one_request_in_at_each(replicas: int) -> None:
    tables = (
        limited("one", Limit(Per.USER, requests_per_minute=1)),
        limited("tokens", Limit(Per.USER, reserved_tokens_per_minute=1000, default_max_tokens=400)),
    )
    with sharing(replicas, *tables) as gateway:
        assert statuses(gateway, "one", ALICE, 2) == [200, 429]
        assert gateway.ask("one", key=ALICE).headers["retry-after"] == str(60 * replicas)
        assert statuses(gateway, "tokens", ALICE, 1, max_tokens=1000) == [200]
        assert statuses(gateway, "tokens", CARL, 1, max_tokens=1001) == [429]
        assert statuses(gateway, "tokens", ALINA, 4)[0] == 200
        refused = gateway.ask("tokens", key=ALICE, max_tokens=500)

        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) == 1 + 30 * replicas


def test_replicas_exceed_a_budget_of_tokens_by_one_request_each() -> None:
    shared = limited("tokens", Limit(Per.USER, reserved_tokens_per_minute=1200, default_max_tokens=50))
    with sharing(3, shared) as gateway:
        began = time.monotonic()
        small = statuses(gateway, "tokens", ALICE, 14).count(200)
        large = statuses(gateway, "tokens", CARL, 4, max_tokens=350).count(200)
        refilled = (time.monotonic() - began) * 400 / 60

        assert 8 <= small <= 8 + 1 + refilled / 50  # a share of 400 tokens, and a request
        assert 2 <= large <= 2 + refilled / 350  # 50 are left after the first, the second owes 300


def test_what_is_owed_is_paid_before_the_next_request() -> None:
    shared = limited("tokens", Limit(Per.USER, reserved_tokens_per_minute=60_000))
    with sharing(2, shared) as gateway:
        assert statuses(gateway, "tokens", ALICE, 1, max_tokens=31_000) == [200]
        began = time.monotonic()
        eventually(lambda: gateway.ask("tokens", key=ALICE, max_tokens=1).status_code == 200, "the debt is paid")

        assert time.monotonic() - began >= 1  # 1,000 tokens of a share of 500 a second
