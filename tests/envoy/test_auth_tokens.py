"""JSON web tokens in a real Envoy: whose are good, and what they say about who asks."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.client_listener import ALICE, KEYS, ClientListener, client_listener, error_of, table
from tests.envoy.envoy_process import free_port
from tests.envoy.token_issuer import HOST, Issuer, https_server

from modelfleet.gateway.answer import may_use
from modelfleet.gateway.ir import Gateway, JwtProvider, Limit, Per, RouteTable
from modelfleet.gateway.tokens import Token, UnreadableClaim

FIRST, SECOND, STRANGER = Issuer("first"), Issuer("second"), Issuer("stranger")
UNREACHABLE = Issuer("unreachable")


def tables(uri: str) -> tuple[RouteTable, ...]:
    """Return tables that read tokens of the same issuers in different ways."""
    keys = "https://first", f"{uri}/first"
    one = JwtProvider("one", *keys, ("llm",), team_claim="team", priority_claim="priority")
    mail = JwtProvider("mail", *keys, ("mail", "llm"), user_claim="email", team_claim="org")
    other = JwtProvider("other", *keys, ("other",))
    two = JwtProvider("two", "https://second", f"{uri}/second", ("llm",), user_claim="email")
    away = JwtProvider("away", "https://unreachable", f"https://{HOST}:{free_port()}/unreachable", ("llm",))
    return (
        table("chat", tokens=one),
        table("second", tokens=two),
        table("mail", tokens=mail),
        table("mails", tokens=mail, users=("dora@example.com",)),
        table("other", tokens=other),
        table("away", tokens=away),
        table("one-only", keys=None, tokens=one),
        table("dora", tokens=one, users=("dora",)),
        table("team", tokens=one, teams=("blue", "Data Science")),
        table("user", tokens=one, limits=(Limit(Per.USER, requests_per_minute=3),)),
        table("of-team", tokens=one, limits=(Limit(Per.TEAM, requests_per_minute=3),)),
        table("keys"),
        table("open", required=False),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ClientListener, Gateway]]:
    with https_server(tmp_path_factory.mktemp("tls"), FIRST, SECOND) as (port, authority):
        known = {each.name: each for each in tables(f"https://{HOST}:{port}")}
        issuers = tuple({each.access.tokens for each in known.values() if each.access.tokens})
        served = Gateway(tables=known, keys=KEYS, jwt=issuers)
        with client_listener(served, trusted_ca=str(authority)) as running:
            eventually(lambda: running.ask(key=FIRST.token()).status_code == 200, "the keys of `first` are there")
            second = SECOND.token(email="e")
            eventually(lambda: running.ask("second", key=second).status_code == 200, "those of `second` too")
            yield running, served


@pytest.fixture
def gateway(made: tuple[ClientListener, Gateway]) -> ClientListener:
    return made[0]


@pytest.fixture
def served(made: tuple[ClientListener, Gateway]) -> Gateway:
    return made[1]


def identity(gateway: ClientListener, token: str, model: str = "chat") -> dict[str, str]:
    assert gateway.ask(model, key=token).status_code == 200
    seen = gateway.engine.last.headers
    assert token not in str(seen)
    assert "x-modelfleet-claims" not in seen
    return {name: seen[f"x-modelfleet-{name}"] for name in ("scope", "realm", "user", "team", "priority")}


def test_claims_say_who_asks(gateway: ClientListener) -> None:
    token = FIRST.token(sub="dora", team="blue", priority="High")
    expected = {
        "scope": "jwt/issuer/one",
        "realm": "jwt/issuer/one",
        "user": "dora",
        "team": "blue",
        "priority": "High",
    }

    assert identity(gateway, token) == expected


def test_each_issuer_has_its_own_claims_and_scope(gateway: ClientListener) -> None:
    token = SECOND.token(email="eve@example.com", team="blue", priority="High")
    expected = {
        "scope": "jwt/issuer/two",
        "realm": "jwt/issuer/two",
        "user": "eve@example.com",
        "team": "-",
        "priority": "Normal",
    }

    assert identity(gateway, token, "second") == expected


def test_one_token_is_read_by_every_table_in_its_own_way(gateway: ClientListener) -> None:
    token = FIRST.token(email="dora@example.com", team="blue", org="ops", aud=["llm", "other"])
    found = {model: identity(gateway, token, model) for model in ("chat", "mail", "mails", "other")}

    assert {model: (one["user"], one["team"]) for model, one in found.items()} == {
        "chat": ("dora", "blue"),
        "mail": ("dora@example.com", "ops"),
        "mails": ("dora@example.com", "ops"),
        "other": ("dora", "-"),
    }


@pytest.mark.parametrize(
    ("audience", "opened"),
    [
        ("llm", {"chat", "mail"}),
        ("mail", {"mail"}),
        (["other"], {"other"}),
        (["x", "other", "llm"], {"chat", "mail", "other"}),
    ],
)
def test_audiences_count_for_the_tables_that_name_them(
    gateway: ClientListener, audience: Any, opened: set[str]
) -> None:
    token = FIRST.token(email="dora@example.com", aud=audience)
    statuses = {model: gateway.ask(model, key=token).status_code for model in ("chat", "mail", "other", "keys", "open")}

    assert {model for model, status in statuses.items() if status == 200} == opened
    assert set(statuses.values()) == {200, 403}


def test_claim_of_one_table_opens_no_other(gateway: ClientListener) -> None:
    """Whoever may choose the nickname `dora` is not the user `dora` where the subject counts."""
    mallory = FIRST.token(sub="mallory", email="dora", org="blue")

    assert gateway.ask("mail", key=mallory).status_code == 200
    assert gateway.ask("dora", key=mallory).status_code == 403
    assert gateway.ask("team", key=mallory).status_code == 403


@pytest.mark.parametrize("priority", ["Highest", "", None, 3, True, ["High"]])
def test_a_priority_that_is_none_is_normal(gateway: ClientListener, priority: Any) -> None:
    assert identity(gateway, FIRST.token(priority=priority))["priority"] == "Normal"


NAMES = [
    pytest.param(42, "42", id="a number"),
    pytest.param(-7, "-7", id="a negative number"),
    pytest.param(0, "0", id="nought"),
    pytest.param(2**53 - 1, "9007199254740991", id="the greatest exact number"),
    pytest.param("Data Science", "Data Science", id="a space"),
    pytest.param('"a"; b=c, {d}|e/f', '"a"; b=c, {d}|e/f', id="punctuation"),
    pytest.param("x" * 256, "x" * 256, id="the longest"),
]
NO_NAMES = [
    pytest.param(["blue", "green"], id="a list"),
    pytest.param(["blue"], id="a list of one"),
    pytest.param({"id": 1}, id="an object"),
    pytest.param(True, id="a boolean"),
    pytest.param(1.5, id="a fraction"),
    pytest.param(2**53, id="a number that is not exact"),
    pytest.param(2**53 + 1, id="a number that would be taken for another"),
    pytest.param(-(2**60), id="a number far below"),
    pytest.param("x" * 257, id="too long"),
    pytest.param("x" * 5000, id="far too long"),
    pytest.param(" x", id="a space before it"),
    pytest.param("x ", id="a space behind it"),
    pytest.param(" ", id="nothing but a space"),
    pytest.param("d\u00f6ra", id="beyond ASCII"),
    pytest.param("x\r\nx-modelfleet-team: root", id="a line break"),
    pytest.param("x\0y", id="a NUL"),
    pytest.param("x\ty", id="a tab"),
]


@pytest.mark.parametrize(("claim", "name"), NAMES)
def test_claim_that_is_a_name_says_who_asks(gateway: ClientListener, served: Gateway, claim: Any, name: str) -> None:
    found = identity(gateway, FIRST.token(email=claim, org=claim), "mail")

    assert (found["user"], found["team"]) == (name, name)
    assert predicted(served, email=claim, org=claim) == (name, name)


@pytest.mark.parametrize("claim", NO_NAMES)
@pytest.mark.parametrize(("what", "of"), [("email", "user"), ("org", "team")])
def test_claim_that_is_no_name_is_401_and_said(
    gateway: ClientListener, served: Gateway, what: str, of: str, claim: Any
) -> None:
    before = len(gateway.engine.asked)
    claims = {"email": "dora@example.com", what: claim}
    answer = gateway.ask("mail", key=FIRST.token(**claims))

    assert answer.status_code == 401
    assert error_of(answer)["code"] == "invalid_api_key"
    assert f"The token's claim `{what}` must name the {of}: " in error_of(answer)["message"]
    assert len(gateway.engine.asked) == before
    assert predicted(served, **claims) is None


def test_subject_that_is_no_text_is_no_token(gateway: ClientListener) -> None:
    """The standard wants a text, and so does Envoy 1.40, whichever claim names the user."""
    assert gateway.ask("mail", key=FIRST.token(sub=42, email="dora@example.com")).status_code == 401


def predicted(served: Gateway, **claims: Any) -> tuple[str, str] | None:
    """Return the user and team that a token of `first` stands for at `mail`, None where it is 401."""
    tokens = served.tables["policy/models/mail"].access.tokens
    assert tokens is not None
    try:
        caller = Token(tokens.unread_scope, json.dumps({"aud": "llm", **claims})).read(tokens)
    except UnreadableClaim:
        return None
    assert caller is not None
    return caller.user, caller.team


@pytest.mark.parametrize(
    ("team", "status"), [("Data Science", 200), ("Data", 403), ("blue", 200), (None, 403), ("", 403)]
)
def test_teams_with_spaces_are_let_in_by_their_whole_name(gateway: ClientListener, team: Any, status: int) -> None:
    assert gateway.ask("team", key=FIRST.token(team=team)).status_code == status


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(STRANGER.token(iss="https://first"), id="signed by a stranger"),
        pytest.param(STRANGER.token(), id="an unknown issuer"),
        pytest.param(SECOND.token(iss="https://first", email="e"), id="signed by another issuer"),
        pytest.param(FIRST.token(exp=1000), id="expired"),
        pytest.param(FIRST.token(exp=None), id="never expires"),
        pytest.param(FIRST.token(aud="nobody's"), id="an audience of nobody"),
        pytest.param(FIRST.token(aud=None), id="no audience"),
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


@pytest.mark.parametrize("user", [None, ""])
def test_token_without_a_user_is_401_where_it_counts(gateway: ClientListener, user: Any) -> None:
    assert gateway.ask(key=FIRST.token(sub=user)).status_code == 401


def test_a_token_opens_what_its_issuer_user_and_team_may_use(gateway: ClientListener) -> None:
    dora, blue = FIRST.token(), FIRST.token(sub="emil", team="blue")
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


def test_operator_is_told_the_claims_for_the_list_of_models(gateway: ClientListener, served: Gateway) -> None:
    token = FIRST.token(email="dora@example.com", aud=["llm", "other"])
    gateway.post(b"", method="GET", path="/v1/models", key=token)
    listed = gateway.operator.last.headers
    gateway.ask("no-such-model", key=token)
    asked = gateway.operator.last.headers
    shown = Token(listed["x-modelfleet-scope"], base64.urlsafe_b64decode(listed["x-modelfleet-claims"] + "==").decode())
    readings = {name: each.access.tokens and shown.read(each.access.tokens) for name, each in served.tables.items()}
    may = {name for name, caller in readings.items() if caller and may_use(served.tables[name].access, caller)}

    assert asked["x-modelfleet-claims"] == listed["x-modelfleet-claims"]
    assert may == {
        f"policy/models/{model}" for model in ("chat", "mail", "mails", "other", "one-only", "dora", "user", "of-team")
    }


@pytest.mark.parametrize("model", ["user", "of-team"])
def test_namesakes_by_key_and_by_token_have_budgets_of_their_own(gateway: ClientListener, model: str) -> None:
    token = FIRST.token(sub="alice", team="red")
    statuses = [[gateway.ask(model, key=key).status_code for _ in range(4)] for key in (ALICE, token)]

    assert statuses == [[200, 200, 200, 429]] * 2


def test_a_key_and_a_token_side_by_side(gateway: ClientListener) -> None:
    """The token decides, and neither goes further."""
    gateway.ask(key=FIRST.token(), headers={"x-api-key": ALICE})

    assert gateway.engine.last.headers["x-modelfleet-user"] == "dora"
    assert ALICE not in str(gateway.engine.last.headers)


def test_keys_work_whatever_issuers_do(gateway: ClientListener) -> None:
    assert gateway.ask(key=ALICE).status_code == 200
