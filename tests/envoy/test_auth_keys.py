"""API keys in a real Envoy: who is let in, as whom, and what reaches the engine."""

from collections.abc import Iterator

import httpx
import pytest
from tests.envoy.client_listener import ALICE, BOB, KEYS, ClientListener, client_listener, error_of, table

from modelfleet.gateway.ir import Gateway

TABLES = (
    table("chat", "other"),
    table("open", required=False),
    table("users", users=("carol",)),
    table("teams", teams=("red",)),
    table("nobody", keys=None),
)
UNKNOWN = "key-of-nobody-000"


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    with client_listener(Gateway(tables={each.name: each for each in TABLES}, keys=KEYS)) as running:
        yield running


@pytest.mark.parametrize(
    "header", [{"authorization": f"Bearer {ALICE}"}, {"x-api-key": ALICE}], ids=["bearer", "x-api-key"]
)
def test_a_key_says_who_asks_and_goes_no_further(gateway: ClientListener, header: dict[str, str]) -> None:
    answer = gateway.ask(key=None, headers=header)
    seen = gateway.engine.last.headers

    assert answer.status_code == 200
    assert {name: seen[f"x-modelfleet-{name}"] for name in ("scope", "realm", "user", "team", "priority", "model")} == {
        "scope": "models/people",
        "realm": "models",
        "user": "alice",
        "team": "red",
        "priority": "High",
        "model": "chat",
    }
    assert ALICE not in str(seen)
    assert "x-modelfleet-client" not in seen


def test_both_headers_are_taken_away_whichever_had_the_key(gateway: ClientListener) -> None:
    gateway.ask(key=ALICE, headers={"x-api-key": "some-other-secret"})

    assert "some-other-secret" not in str(gateway.engine.last.headers)


@pytest.mark.parametrize(
    ("model", "key", "status"),
    [
        pytest.param("chat", None, 401, id="no key"),
        pytest.param("chat", UNKNOWN, 401, id="a key that nobody has"),
        pytest.param("chat", "eyJhbGciOiJub25lIn0.e30.", 401, id="a token of nobody"),
        pytest.param("chat", BOB, 403, id="a key of another namespace"),
        pytest.param("chat", ALICE, 200, id="a key of the namespace"),
        pytest.param("other", ALICE, 200, id="the other name of the table"),
        pytest.param("open", None, 200, id="no key where none is required"),
        pytest.param("open", UNKNOWN, 401, id="a wrong key where none is required"),
        pytest.param("users", ALICE, 403, id="a user who is not named"),
        pytest.param("teams", ALICE, 200, id="a team that is named"),
        pytest.param("teams", BOB, 403, id="a user without a team"),
        pytest.param("nobody", ALICE, 403, id="a table that nobody may use"),
        pytest.param("nobody", None, 401, id="a table that nobody may use, without a key"),
    ],
)
def test_keys_open_the_models_of_their_namespace(gateway: ClientListener, model: str, key: str, status: int) -> None:
    answer = gateway.ask(model, key=key)

    assert answer.status_code == status
    if status != 200:
        assert error_of(answer)["code"] == ("invalid_api_key" if status == 401 else "model_not_allowed")
        assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b"Basic YTpi", b"Bearer", b"Bearer  "])
def test_whatever_stands_for_credentials_must_be_a_key(gateway: ClientListener, value: bytes) -> None:
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n"
    )
    body = b'{"model": "open"}'
    answer = gateway.raw(request + b"authorization: %s\r\ncontent-length: %d\r\n\r\n%s" % (value, len(body), body))

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_nobody_can_set_the_headers_of_the_gateway(gateway: ClientListener) -> None:
    spoofed = {
        "x-modelfleet-user": "root",
        "X-Modelfleet-Scope": "elsewhere/people",
        "x-modelfleet-client": "models/people|root|red|High",
        "x-modelfleet-model": "users",
        "x-modelfleet-tokens": "1",
        "x-llm-user": "root",
        "x-envoy-max-retries": "9",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-forwarded-for": "192.0.2.1",
        "x-request-id": "mine",
    }
    answer = gateway.ask("open", key=None, headers=spoofed)
    seen = gateway.engine.last.headers

    assert answer.status_code == 200
    assert (seen["x-modelfleet-user"], seen["x-modelfleet-model"]) == ("-", "open")
    assert not {"x-modelfleet-scope", "x-modelfleet-client", "x-modelfleet-tokens", "x-forwarded-for"} & set(seen)
    assert not [name for name in seen if name.startswith(("x-llm-", "x-envoy-"))]
    assert seen["x-request-id"] == answer.headers["x-request-id"] != "mine"


def test_spoofed_headers_open_nothing(gateway: ClientListener) -> None:
    headers = {"x-modelfleet-scope": "models/people", "x-modelfleet-user": "carol", "x-modelfleet-team": "red"}

    assert gateway.ask("users", headers=headers).status_code == 403
    assert gateway.ask("users", key=None, headers=headers).status_code == 401


def test_the_models_are_listed_by_the_operator_for_who_asks(gateway: ClientListener) -> None:
    answers: list[httpx.Response] = [
        gateway.post(b"", method="GET", path="/v1/models", key=key) for key in (ALICE, None, UNKNOWN)
    ]
    named, anonymous = gateway.operator.asked[-2:]

    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert (named.headers["x-modelfleet-scope"], named.headers["x-modelfleet-user"]) == ("models/people", "alice")
    assert "x-modelfleet-scope" not in anonymous.headers
    assert named.path == "/v1/models"
