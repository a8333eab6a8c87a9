"""JSON web tokens in a real Envoy: whose are good, and what they say about who asks."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.client_listener import ALICE, KEYS, ClientListener, client_listener, error_of, table
from tests.envoy.envoy_process import free_port
from tests.envoy.token_issuer import HOST, Issuer, https_server

from modelfleet.gateway.ir import Gateway, JwtProvider

FIRST, SECOND, STRANGER = Issuer("first"), Issuer("second"), Issuer("stranger")
UNREACHABLE = Issuer("unreachable")
TABLES = (
    table("chat", scopes=("models/people", "jwt/issuer/one", "jwt/issuer/two", "jwt/issuer/away")),
    table("one-only", scopes=("jwt/issuer/one",)),
    table("dora", scopes=("jwt/issuer/one",), users=("dora",)),
    table("team", scopes=("jwt/issuer/one",), teams=("blue",)),
    table("open", required=False),
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientListener]:
    with https_server(tmp_path_factory.mktemp("tls"), FIRST, SECOND) as (port, authority):
        uri = f"https://{HOST}:{port}"
        providers = (
            JwtProvider(
                "one",
                "https://first",
                f"{uri}/first",
                ("llm",),
                user_claim="sub",
                team_claim="org.team",
                priority_claim="priority",
            ),
            JwtProvider("two", "https://second", f"{uri}/second", user_claim="email"),
            JwtProvider("away", "https://unreachable", f"https://{HOST}:{free_port()}/unreachable"),
        )
        tables = {each.name: each for each in TABLES}
        with client_listener(Gateway(tables=tables, keys=KEYS, jwt=providers), trusted_ca=str(authority)) as running:
            eventually(lambda: running.ask(key=FIRST.token()).status_code == 200, "the keys of `first` are there")
            eventually(lambda: running.ask(key=SECOND.token(email="e")).status_code == 200, "those of `second` too")
            yield running


def identity(gateway: ClientListener, token: str, model: str = "chat") -> dict[str, str]:
    assert gateway.ask(model, key=token).status_code == 200
    seen = gateway.engine.last.headers
    assert token not in str(seen)
    return {name: seen[f"x-modelfleet-{name}"] for name in ("scope", "realm", "user", "team", "priority")}


def test_claims_say_who_asks(gateway: ClientListener) -> None:
    token = FIRST.token(sub="dora", org={"team": "blue"}, priority="High")
    expected = {
        "scope": "jwt/issuer/one",
        "realm": "jwt/issuer/one",
        "user": "dora",
        "team": "blue",
        "priority": "High",
    }

    assert identity(gateway, token) == expected


def test_each_issuer_has_its_own_claims_and_scope(gateway: ClientListener) -> None:
    token = SECOND.token(email="eve@example.com", org={"team": "blue"}, priority="High")
    expected = {
        "scope": "jwt/issuer/two",
        "realm": "jwt/issuer/two",
        "user": "eve@example.com",
        "team": "-",
        "priority": "Normal",
    }

    assert identity(gateway, token) == expected


@pytest.mark.parametrize("priority", ["Highest", "", None, 3, True, ["High"]])
def test_a_priority_that_is_none_is_normal(gateway: ClientListener, priority: Any) -> None:
    assert identity(gateway, FIRST.token(priority=priority))["priority"] == "Normal"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(STRANGER.token(iss="https://first"), id="signed by a stranger"),
        pytest.param(STRANGER.token(), id="an unknown issuer"),
        pytest.param(SECOND.token(iss="https://first", email="e"), id="signed by another issuer"),
        pytest.param(FIRST.token(exp=1000), id="expired"),
        pytest.param(FIRST.token(exp=None), id="never expires"),
        pytest.param(FIRST.token(aud="other"), id="another audience"),
        pytest.param(FIRST.token(aud=None), id="no audience"),
        pytest.param(FIRST.token(sub=None), id="no user"),
        pytest.param(FIRST.token(sub=""), id="an empty user"),
        pytest.param(FIRST.token(sub="do ra"), id="a user with a space"),
        pytest.param(FIRST.token(sub="d\u00f6ra"), id="a user beyond ASCII"),
        pytest.param(FIRST.token(sub="x\r\nx-modelfleet-team: root"), id="a user with a line break"),
        pytest.param(FIRST.token(sub="x\0y"), id="a user with a NUL"),
        pytest.param(FIRST.token(org={"team": "a\r\nx: y"}), id="a team with a line break"),
        pytest.param(FIRST.token(sub="x" * 5000), id="a user without end"),
        pytest.param(UNREACHABLE.token(), id="an issuer that cannot be reached"),
        pytest.param(FIRST.token()[:-4], id="cut off"),
        pytest.param("eyJ", id="hardly begun"),
        pytest.param("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2ZpcnN0Iiwic3ViIjoiZG9yYSJ9.", id="unsigned"),
    ],
)
@pytest.mark.parametrize("model", ["chat", "open"])
def test_a_token_that_is_not_good_is_401_everywhere(gateway: ClientListener, token: str, model: str) -> None:
    before = len(gateway.engine.asked)
    answer = gateway.ask(model, key=token)

    assert answer.status_code == 401
    assert error_of(answer)["code"] == "invalid_api_key"
    assert len(gateway.engine.asked) == before


def test_a_token_opens_what_its_issuer_user_and_team_may_use(gateway: ClientListener) -> None:
    dora, blue = FIRST.token(), FIRST.token(sub="emil", org={"team": "blue"})
    second = SECOND.token(email="dora")
    asked = {
        (model, who): gateway.ask(model, key=token).status_code
        for model in ("one-only", "dora", "team")
        for who, token in (("dora", dora), ("blue", blue), ("second", second))
    }

    assert {key for key, status in asked.items() if status == 200} == {
        ("one-only", "dora"),
        ("one-only", "blue"),
        ("dora", "dora"),
        ("team", "blue"),
    }
    assert set(asked.values()) == {200, 403}


def test_a_key_and_a_token_side_by_side(gateway: ClientListener) -> None:
    """The token decides, and neither goes further."""
    gateway.ask(key=FIRST.token(), headers={"x-api-key": ALICE})

    assert gateway.engine.last.headers["x-modelfleet-user"] == "dora"
    assert ALICE not in str(gateway.engine.last.headers)


def test_keys_work_whatever_issuers_do(gateway: ClientListener) -> None:
    assert gateway.ask(key=ALICE).status_code == 200
