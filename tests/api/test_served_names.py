"""A name belongs to one fleet or policy, stays with it, and everybody who asks gets the same answer."""

import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.api.specs.manifests import bases

from modelfleet.api.conditions import Reason
from modelfleet.api.served_names import Claim, Verdict, claim_of, judge, names_finding
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment

START = datetime(2026, 1, 1, tzinfo=UTC)


def claim(fleet: str, *names: str, age: int = 0, held: tuple[str, ...] = ()) -> Claim:
    """Return the claim of *fleet* to *names*; a larger *age* is older, in hours."""
    namespace, _, name = fleet.partition("/")
    return Claim(namespace, name, frozenset(names), START - timedelta(hours=age), frozenset(held))


@pytest.mark.parametrize(
    ("ours", "theirs", "is_ours"),
    [
        pytest.param(claim("a/x", "chat"), claim("a/y", "other"), True, id="nobody else wants it"),
        pytest.param(claim("a/x", "chat", held=("chat",)), claim("a/y", "chat", age=9), True, id="who has it keeps it"),
        pytest.param(
            claim("a/x", "chat", held=("sql",)),
            claim("a/y", "chat", age=9),
            False,
            id="having another name does not count",
        ),
        pytest.param(claim("a/x", "chat", age=2), claim("a/y", "chat", age=1), True, id="the older fleet"),
        pytest.param(claim("b/x", "chat"), claim("a/y", "chat"), False, id="the first namespace"),
        pytest.param(claim("a/x", "chat"), claim("a/y", "chat"), True, id="the first name"),
    ],
)
def test_bare_name_belongs_to_the_holder_then_the_older_then_the_first(
    ours: Claim, theirs: Claim, is_ours: bool
) -> None:
    verdict = judge(ours, [theirs])

    assert verdict == (Verdict(ours.names) if is_ours else Verdict(frozenset(), {"chat": theirs.fleet}))


def test_fleet_that_loses_one_name_keeps_the_others() -> None:
    holder = claim("a/x", "chat", "sql", held=("chat",))

    verdict = judge(holder, [claim("a/y", "chat", "sql", age=1)])

    assert verdict == Verdict(frozenset({"chat"}), {"sql": "a/y"})


def test_granted_name_belongs_to_its_namespace_whoever_had_it() -> None:
    grants = {"gpt-*": "team", "chat": "team"}
    holder, granted = claim("a/x", "gpt-4", age=9, held=("gpt-4",)), claim("team/y", "gpt-4")

    assert judge(holder, [granted], grants).lost == {"gpt-4": "team/y"}
    assert judge(granted, [holder], grants).accepted == {"gpt-4"}


def test_granted_name_that_its_namespace_does_not_use_belongs_to_nobody_else() -> None:
    assert judge(claim("a/x", "gpt-4"), [], {"gpt-*": "team"}).lost == {"gpt-4": 'namespace "team"'}


@pytest.mark.parametrize(
    "grants",
    [
        {"*": "a", "gpt-*": "a", "gpt-4": "b"},
        {"gpt-4": "b", "gpt-????": "a", "*": "a"},
        {"*": "a", "gpt-*": "b"},
        {"gpt-*": "b", "g*": "a"},
    ],
)
def test_grant_of_the_name_itself_counts_before_patterns_and_longer_ones_before_shorter(grants: dict[str, str]) -> None:
    assert judge(claim("b/x", "gpt-4"), [], grants).accepted == {"gpt-4"}


def test_canonical_name_of_a_fleet_cannot_be_taken() -> None:
    taker = claim("a/x", "b/y", age=9, held=("b/y",))

    assert judge(taker, [claim("b/y", "chat")]).lost == {"b/y": "b/y"}
    assert judge(taker, [claim("b/z", "chat")]).accepted == {"b/y"}


def policy(name: str, *names: str, age: int = 0, held: tuple[str, ...] = ()) -> Claim:
    """Return the claim of the RoutePolicy *name* to *names*."""
    return dataclasses.replace(claim(name, *names, age=age, held=held), is_policy=True)


def test_policy_refines_the_name_of_a_fleet_of_its_namespace() -> None:
    fleet, refining = claim("a/x", "chat", age=9, held=("chat",)), policy("a/x", "chat")

    assert judge(fleet, [refining]) == Verdict(frozenset({"chat"}))
    assert judge(refining, [fleet]) == Verdict(frozenset({"chat"}))


def test_of_two_policies_the_holder_then_the_older_has_the_name() -> None:
    older, holder = policy("a/x", "chat", age=9), policy("b/y", "chat", held=("chat",))

    assert judge(older, [holder]).lost == {"chat": "RoutePolicy b/y"}
    assert judge(older, [policy("a/y", "chat", age=1)]).accepted == {"chat"}


def test_policy_cannot_take_the_name_of_a_fleet_elsewhere() -> None:
    fleet, taker = claim("a/x", "chat", held=("chat",)), policy("b/y", "chat", age=9)

    assert judge(taker, [fleet]).lost == {"chat": "a/x"}
    assert judge(fleet, [taker]).accepted == {"chat"}


def test_fleet_cannot_take_the_name_of_a_policy_elsewhere() -> None:
    assert judge(claim("a/x", "chat"), [policy("b/y", "chat", age=1)]).lost == {"chat": "RoutePolicy b/y"}


def test_new_policy_has_the_seniority_of_the_fleet_it_refines() -> None:
    fleet, rival = claim("b/x", "chat", held=("chat",)), policy("a/y", "chat", age=5)

    assert judge(policy("b/z", "chat"), [fleet, rival]).accepted == {"chat"}
    assert judge(rival, [fleet, policy("b/z", "chat")]).lost == {"chat": "RoutePolicy b/z"}


def test_policy_cannot_have_the_canonical_name_of_a_fleet() -> None:
    assert judge(policy("b/y", "b/x"), [claim("b/x", "chat")]).lost == {"b/x": "b/x"}


def test_claim_has_the_served_names_the_adapters_and_what_the_status_says() -> None:
    manifest = bases()["everything"] | {"status": {"servedNames": ["chat"]}}

    found = claim_of(ModelDeployment.model_validate(manifest))

    assert found.names == {"chat", "team/chat-large", "sql", "law"}
    assert found.held == {"chat"}


def test_claim_without_served_names_is_the_fleets_name() -> None:
    assert claim_of(ModelDeployment.model_validate(bases()["smallest"])).names == {"smallest"}


def test_condition_says_who_has_what_was_lost() -> None:
    finding = names_finding(Verdict(frozenset({"a"}), {"chat": "models/llama", "sql": 'namespace "team"'}))

    assert (finding.status, finding.reason) == ("False", Reason.CONFLICT)
    assert '"chat" belongs to models/llama, "sql" belongs to namespace "team"' in finding.message


some = settings(max_examples=40, deadline=None)
"""Enough for six fleets and four names, and no failure because the machine is busy."""
EVERY_NAME = ("chat", "sql", "gpt-4", "a/x")
NAMES = st.sampled_from(EVERY_NAME)
NAME_SETS = st.frozensets(NAMES, max_size=3)
CLAIMS = st.lists(
    st.builds(
        Claim,
        namespace=st.sampled_from(["a", "b"]),
        name=st.sampled_from(["x", "y", "z"]),
        names=NAME_SETS,
        created=st.integers(0, 3).map(lambda hours: START - timedelta(hours=hours)),
        held=NAME_SETS,
        is_policy=st.booleans(),
    ),
    unique_by=lambda made: made.owner,
    min_size=1,
    max_size=6,
)
GRANTS = st.dictionaries(st.sampled_from(["gpt-*", "chat", "*"]), st.sampled_from(["a", "b", "c"]), max_size=2)


@some
@given(CLAIMS, GRANTS, st.randoms())
def test_answer_does_not_depend_on_the_order_of_the_claims(
    claims: list[Claim], grants: dict[str, str], chance: random.Random
) -> None:
    shuffled = list(claims)
    chance.shuffle(shuffled)

    assert [judge(one, claims, grants) for one in claims] == [judge(one, shuffled, grants) for one in claims]


@some
@given(CLAIMS, GRANTS)
def test_every_name_has_at_most_one_fleet_and_one_policy_of_one_namespace_and_losers_name_one_of_them(
    claims: list[Claim], grants: dict[str, str]
) -> None:
    verdicts = {one: judge(one, claims, grants) for one in claims}
    for name in frozenset().union(*(one.names for one in claims)):
        owners = [one for one, verdict in verdicts.items() if name in verdict.accepted]
        named = {verdict.lost[name] for verdict in verdicts.values() if name in verdict.lost}

        assert len({one.is_policy for one in owners}) == len(owners)
        assert len({one.namespace for one in owners}) <= 1
        assert named <= {one.owner for one in owners} or (not owners and len(named) == 1)


@some
@given(CLAIMS, GRANTS)
def test_every_name_is_either_accepted_or_lost(claims: list[Claim], grants: dict[str, str]) -> None:
    for one in claims:
        verdict = judge(one, claims, grants)

        assert verdict.accepted | verdict.lost.keys() == one.names
        assert not verdict.accepted & verdict.lost.keys()


@some
@given(CLAIMS)
def test_newcomer_takes_no_name_that_somebody_has(claims: list[Claim]) -> None:
    """What a status says is what was judged before, so the holders are taken from a first judgement."""
    settled = [dataclasses.replace(one, held=judge(one, claims).accepted) for one in claims]
    for newcomer in (claim("0/0", *EVERY_NAME, age=99), policy("0/0", *EVERY_NAME, age=99)):
        for one in settled:
            assert judge(one, [*settled, newcomer]).accepted == one.held


@some
@given(CLAIMS, GRANTS)
def test_judging_again_changes_nothing(claims: list[Claim], grants: dict[str, str]) -> None:
    first = {one.owner: judge(one, claims, grants) for one in claims}
    settled = [dataclasses.replace(one, held=first[one.owner].accepted) for one in claims]

    assert {one.owner: judge(one, settled, grants) for one in settled} == first
