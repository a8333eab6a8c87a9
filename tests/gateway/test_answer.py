"""What a request meets is predicted from the gateway's form alone."""

import pytest

from modelfleet.gateway.answer import Belonging, Bucket, answer, may_use, models_for
from modelfleet.gateway.ir import (
    Access,
    Affinity,
    AffinityKey,
    ApiKey,
    Backend,
    BackendKind,
    Frame,
    Gateway,
    HeaderMatch,
    HeaderTest,
    KeySelector,
    Limit,
    Match,
    Per,
    Pool,
    Priority,
    RouteTable,
    Rule,
    Shed,
    Split,
    StaticAnswer,
)
from modelfleet.gateway.match import mismatch
from modelfleet.gateway.request import Caller, Request, caller_with

LLAMA = Backend(BackendKind.FLEET, "models/llama")
CANARY = Backend(BackendKind.FLEET, "models/canary")
TO_LLAMA = Split(((LLAMA, 1),))
CANARY_SPLIT = Split(((LLAMA, 90), (CANARY, 10)), "x-session-id")
ADA = Caller("models/clients", "ada", "search")
KEY = "sk-0123456789abcdef"


def gateway(*rules: Rule, access: Access | None = None, limits: tuple[Limit, ...] = (), **pool: Affinity) -> Gateway:
    """Return a gateway with one table for the name "chat"."""
    table = RouteTable(
        "policy/models/chat",
        models=("chat",),
        access=access or Access(required=True, keys=KeySelector("models")),
        rules=rules or (Rule("all", (TO_LLAMA,)),),
        limits=limits,
    )
    pools = {name: Pool(name, 8, 4, 8, pool.get("affinity")) for name in ("models/llama", "models/canary")}
    keys = (ApiKey(KEY, "models/clients", "ada", "search"),)
    return Gateway(Frame(max_body_bytes=1000), {table.name: table}, pools, keys=keys)


def matching(**conditions: object) -> Rule:
    """Return a rule with conditions."""
    return Rule("first", (TO_LLAMA,), Match(**conditions))  # type: ignore[arg-type]  # the fields of Match, by name


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(Request("chat", ADA), None, id="let in"),
        pytest.param(Request("chat"), 401, id="without credentials"),
        pytest.param(Request("chat", is_stranger=True), 401, id="with credentials that nobody has"),
        pytest.param(Request("chat", Caller("other/clients", "ada")), 403, id="a key of another namespace"),
        pytest.param(Request("unknown", ADA), 404, id="unknown name"),
        pytest.param(Request(None, ADA), 400, id="no name"),
        pytest.param(Request("chat", ADA, is_json=False), 400, id="not JSON"),
        pytest.param(Request("chat", ADA, body_bytes=1001), 413, id="too large"),
        pytest.param(Request("chat", ADA, body_bytes=1000), None, id="as large as allowed"),
    ],
)
def test_request_is_refused_or_let_in(request_: Request, status: int | None) -> None:
    assert answer(gateway(), request_).status == status


def test_allow_list_lets_in_the_users_and_the_teams_that_it_names() -> None:
    access = Access(required=True, keys=KeySelector("models"), users=("ada",), teams=("billing",))

    assert may_use(access, Caller("models/clients", "ada", "search"))
    assert may_use(access, Caller("models/clients", "bob", "billing"))
    assert not may_use(access, Caller("models/clients", "bob", "search"))
    assert not may_use(access, Caller("other/clients", "ada", "billing"))


def test_nobody_without_credentials_is_told_which_names_exist() -> None:
    closed, public = gateway(), gateway(access=Access(required=False))

    assert [answer(closed, Request(name)).status for name in ("chat", "unknown")] == [401, 401]
    assert answer(public, Request("unknown")).status == 404


def test_caller_without_a_team_is_in_no_team() -> None:
    assert not may_use(Access(required=True, keys=KeySelector("a"), teams=("x",)), Caller("a/b", "ada"))


def test_open_name_lets_in_nobody_with_foreign_credentials() -> None:
    access = Access(required=False, keys=KeySelector("models"))

    assert may_use(access, None)
    assert not may_use(access, Caller("other/clients", "ada"))


def test_first_rule_that_matches_decides_and_the_others_say_why_not() -> None:
    rules = (matching(body_bytes_at_most=10), matching(teams=("billing",)), Rule("rest", (CANARY_SPLIT,)))

    found = answer(gateway(*rules), Request("chat", ADA, body_bytes=11))

    assert found.rule == rules[2]
    assert found.tries == (CANARY_SPLIT,)
    assert [why for _, why in found.passed_over] == [
        "the body must have at most 10 bytes, found 11",
        'the team must be "billing", found "search"',
    ]


def test_request_that_no_rule_takes_is_not_found() -> None:
    assert answer(gateway(matching(priority=Priority.LOW)), Request("chat", ADA)).status == 404


@pytest.mark.parametrize(
    ("condition", "headers", "holds"),
    [
        pytest.param(HeaderMatch("x-a", HeaderTest.EXACT, "v"), [("X-A", "v")], True, id="name in any case"),
        pytest.param(HeaderMatch("x-a", HeaderTest.EXACT, "v"), [("x-a", " v\t")], True, id="trimmed"),
        pytest.param(HeaderMatch("x-a", HeaderTest.EXACT, "v"), [("x-a", "V")], False, id="value in its case"),
        pytest.param(HeaderMatch("x-a", HeaderTest.EXACT, "v"), [], False, id="missing is not equal"),
        pytest.param(HeaderMatch("x-a", HeaderTest.EXACT, "v,w"), [("x-a", "v"), ("x-a", "w")], False, id="not joined"),
        pytest.param(HeaderMatch("x-a", HeaderTest.EXACT, "w"), [("x-a", "v"), ("x-a", "w")], True, id="one of two"),
        pytest.param(HeaderMatch("x-a", HeaderTest.EXACT, "w"), [("x-a", "v,w")], False, id="not split"),
        pytest.param(HeaderMatch("x-a", HeaderTest.PREFIX, "v"), [("x-a", "vw")], True, id="prefix"),
        pytest.param(HeaderMatch("x-a", HeaderTest.PREFIX, "v"), [("x-a", "wv")], False, id="not the prefix"),
        pytest.param(HeaderMatch("x-a", HeaderTest.REGEX, "v+"), [("x-a", "vv")], True, id="regex"),
        pytest.param(HeaderMatch("x-a", HeaderTest.REGEX, "v+"), [("x-a", "vvw")], False, id="regex for the whole"),
        pytest.param(HeaderMatch("x-a", HeaderTest.REGEX, "a|ab"), [("x-a", "ab")], True, id="longer alternative"),
        pytest.param(HeaderMatch("x-a", HeaderTest.REGEX, r"\d+"), [("x-a", "٣")], False, id="ASCII classes"),
        pytest.param(HeaderMatch("x-a", HeaderTest.PRESENT), [("x-a", "")], True, id="empty is present"),
        pytest.param(HeaderMatch("x-a", HeaderTest.PRESENT), [], False, id="missing is not present"),
        pytest.param(HeaderMatch("x-a", HeaderTest.ABSENT), [], True, id="missing is absent"),
        pytest.param(HeaderMatch("x-a", HeaderTest.ABSENT), [("x-a", "")], False, id="empty is not absent"),
    ],
)
def test_header_matches_as_in_envoy(condition: HeaderMatch, headers: list[tuple[str, str]], holds: bool) -> None:
    request = Request("chat", ADA, headers=tuple(headers))

    assert (mismatch(Match(headers=(condition,)), request) is None) == holds


def test_split_sticks_to_its_header_then_to_the_user_then_to_nothing() -> None:
    split = gateway(Rule("all", (CANARY_SPLIT,)), access=Access(required=False, keys=KeySelector("models")))

    assert answer(split, Request("chat", ADA, headers=(("x-session-id", "s1"),))).sticks_to == "s1"
    assert answer(split, Request("chat", ADA)).sticks_to == "ada"
    assert answer(split, Request("chat")).sticks_to is None
    assert answer(gateway(), Request("chat", ADA)).sticks_to is None


def test_rule_without_tries_answers_by_itself() -> None:
    found = answer(gateway(Rule("none", (), final=StaticAnswer(529, "later"))), Request("chat", ADA))

    assert (found.status, found.final) == (529, StaticAnswer(529, "later"))


def test_shedding_is_about_callers_of_low_priority() -> None:
    shedding = gateway(Rule("all", (TO_LLAMA,), shed=Shed.REJECT))

    assert answer(shedding, Request("chat", ADA)).shed is None
    assert answer(shedding, Request("chat", Caller(ADA.scope, priority=Priority.LOW))).shed == Shed.REJECT


def test_limits_name_whose_budget_they_take_from() -> None:
    limits = tuple(Limit(per, requests_per_minute=9) for per in Per)

    found = answer(gateway(limits=limits), Request("chat", ADA))

    assert found.buckets == tuple(map(Bucket, limits, ("ada", "search", "chat")))


@pytest.mark.parametrize(
    ("affinity", "value"),
    [(AffinityKey.SESSION, "s1"), (AffinityKey.USER, "ada"), (AffinityKey.PREFIX, None)],
)
def test_affinity_says_what_decides_the_replica(affinity: AffinityKey, value: str | None) -> None:
    found = answer(gateway(affinity=Affinity(affinity)), Request("chat", ADA, headers=(("x-session-id", "s1"),)))

    assert found.belongings == (Belonging("models/llama", affinity, value),)


def test_key_says_who_calls() -> None:
    assert caller_with(gateway(), KEY) == ADA
    assert caller_with(gateway(), "sk-nobody-has-this") is None


def test_list_of_models_is_what_the_caller_may_use() -> None:
    assert models_for(gateway(), ADA) == ("chat",)
    assert models_for(gateway(), Caller("other/clients", "eve")) == ()
    assert models_for(gateway(), None) == ()
