"""A policy is in force for the names that are its own, for those whom it lets in."""

from typing import Any

import pytest
from tests.gateway.objects import KEY, fleet, lowered, policy, secret

from modelfleet.api.conditions import Finding
from modelfleet.gateway import ir
from modelfleet.gateway.lower.policies import findings_of_unreadable
from modelfleet.gateway.lower.problem import summarized
from modelfleet.gateway.lower.whole import Lowered

KEYS = ir.KeySelector("models")
JWT = {"issuer": "https://id.example.com/", "jwksUri": "https://id.example.com/keys", "audiences": ["b", "a"]}
TABLE = "policy/models/chat"


def table(found: Lowered) -> ir.RouteTable:
    """Return the table of the policy "chat"."""
    return found.gateway.tables[TABLE]


def condition(found: Lowered, name: str, of: str = "models/chat") -> Finding:
    """Return a condition of a policy."""
    return next(one for one in found.policies[of].findings if one.type == name)


def test_sound_policy_is_told_so() -> None:
    found = lowered(fleet(), policy())

    assert [(one.type, one.status) for one in found.policies["models/chat"].findings] == [
        ("Accepted", "True"),
        ("ResolvedRefs", "True"),
    ]


def test_limits_and_attribution_are_carried_over() -> None:
    limits = [{"per": "Team", "requestsPerMinute": 60, "reservedTokensPerMinute": 9000, "defaultMaxTokens": 256}]
    attribution = {"featureHeader": "x-feature", "promptVersionHeader": "x-version"}

    found = table(lowered(fleet(), policy(limits=limits, attribution=attribution)))

    assert found.limits == (ir.Limit(ir.Per.TEAM, 60, 9000, 256),)
    assert found.attribution == ir.Attribution("x-feature", "x-version")


def test_policy_loses_the_names_of_others_and_keeps_its_own() -> None:
    older = policy(name="older", models=["chat"], namespace="x", created="2025-01-01T00:00:00Z")

    found = lowered(fleet(), older, policy(models=["chat", "talk"], created="2026-01-01T00:00:00Z"))

    assert table(found).models == ("talk",)
    told = condition(found, "Accepted")
    assert (told.status, told.reason) == ("False", "Conflict")
    assert '"chat" belongs to RoutePolicy x/older; the policy is in force for its other names' in told.message
    assert condition(found, "Accepted", "x/older").status == "True"


def test_name_stays_with_the_policy_that_has_it() -> None:
    older = policy(name="older", namespace="x", created="2025-01-01T00:00:00Z")

    found = lowered(fleet(), older, policy(held=["chat"], created="2026-01-01T00:00:00Z"))

    assert condition(found, "Accepted").status == "True"
    assert condition(found, "Accepted", "x/older").status == "False"


def test_policy_without_any_name_of_its_own_has_no_table() -> None:
    found = lowered(fleet("chat", namespace="x"), fleet(), policy(created="2026-01-01T00:00:00Z"))

    assert TABLE not in found.gateway.tables
    assert "the policy is in force for none" in condition(found, "Accepted").message


@pytest.mark.parametrize(
    ("auth", "access"),
    [
        pytest.param(None, ir.Access(True, KEYS), id="without auth every key of the namespace"),
        pytest.param({"apiKeys": {}}, ir.Access(True, KEYS), id="every Secret"),
        pytest.param(
            {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold"}}}},
            ir.Access(True, ir.KeySelector("models", (("tier", "gold"),))),
            id="selected Secrets",
        ),
        pytest.param(
            {"apiKeys": {}, "allow": {"users": ["ada"], "teams": ["search"]}},
            ir.Access(True, KEYS, None, ("ada",), ("search",)),
            id="an allow list",
        ),
    ],
)
def test_auth_says_whose_keys_open_the_models(auth: dict[str, Any] | None, access: ir.Access) -> None:
    around = [
        fleet(),
        secret("a", labels={"tier": "gold"}),
        secret("b", bob="sk-fedcba9876543210"),
        secret("c", namespace="x"),
    ]

    assert table(lowered(*around, policy(auth=auth))).access == access


def test_policy_without_auth_is_as_open_as_the_platform_says() -> None:
    assert not table(lowered(fleet(), policy(), authRequired=False)).access.required
    assert table(lowered(fleet(), policy(auth={"apiKeys": {}}), authRequired=False)).access.required


def test_new_secret_changes_no_table() -> None:
    gold = {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold"}}}}
    around = (
        fleet(),
        fleet("alone"),
        secret("a", labels={"tier": "gold"}),
        policy(auth=gold),
        policy(name="all", models=["all"]),
    )
    another = secret("b", labels={"tier": "gold"}, bob="sk-fedcba9876543210")

    assert lowered(*around, another).gateway.tables == lowered(*around).gateway.tables


def test_equal_issuers_are_one() -> None:
    other = policy(name="other", models=["other"], auth={"jwt": JWT | {"audiences": ["a", "b"]}})

    found = lowered(fleet(), policy(auth={"jwt": JWT}), other, allowedHosts=["id.example.com"])

    (provider,) = found.gateway.jwt
    assert provider == ir.JwtProvider(
        provider.name, "https://id.example.com/", "https://id.example.com/keys", ("a", "b")
    )
    assert table(found).access == ir.Access(True, tokens=provider)


def test_issuer_with_other_claims_is_another() -> None:
    claims = policy(name="other", models=["other"], auth={"jwt": JWT | {"teamClaim": "team"}})

    found = lowered(fleet(), policy(auth={"jwt": JWT}), claims, allowedHosts=["id.example.com"])

    assert len({one.name for one in found.gateway.jwt}) == 2


def test_issuer_whose_host_is_not_allowed_opens_nothing() -> None:
    found = lowered(fleet(), policy(auth={"jwt": JWT}))

    assert table(found).access == ir.Access(required=True)
    assert found.gateway.jwt == ()
    assert (condition(found, "ResolvedRefs").reason) == "HostNotAllowed"
    assert "`auth.jwt.jwksUri`" in condition(found, "ResolvedRefs").message


def test_selector_that_selects_nothing_lets_nobody_in_and_is_told() -> None:
    found = lowered(fleet(), policy(auth={"apiKeys": {}}))

    assert table(found).access == ir.Access(True, KEYS)
    assert condition(found, "ResolvedRefs").reason == "RefNotFound"


def test_namespace_whose_secrets_may_not_be_read_is_told_so() -> None:
    found = lowered(fleet(), policy(auth={"apiKeys": {}}), secretNamespaces=["x"])

    assert condition(found, "ResolvedRefs").reason == "SecretNamespaceNotListed"
    assert "`secrets.namespaces`" in condition(found, "ResolvedRefs").message


def test_problems_of_keys_are_told_to_the_policies_that_select_their_secret() -> None:
    broken = secret("a", labels={"tier": "gold"}, ada="short")
    gold = {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold"}}}}
    silver = {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "silver"}}}}
    other = policy(name="other", models=["other"], auth=silver)

    found = lowered(fleet(), broken, secret("b", labels={"tier": "silver"}), policy(auth=gold), other)

    assert condition(found, "ResolvedRefs").reason == "InvalidSecret"
    assert 'Secret models/a: `data["ada"]` must have 16 to 512 characters' in condition(found, "ResolvedRefs").message
    assert condition(found, "ResolvedRefs", "models/other").status == "True"


def test_selected_secret_of_another_type_is_told() -> None:
    opaque = secret("a", labels={"tier": "gold"}) | {"type": "Opaque"}
    gold = {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold"}}}}

    found = lowered(fleet(), opaque, secret("b", labels={"tier": "gold"}), policy(auth=gold))

    assert 'found "Opaque"' in condition(found, "ResolvedRefs").message
    assert table(found).access.keys == ir.KeySelector("models", (("tier", "gold"),))
    assert [key.scope for key in found.gateway.keys] == ["models/b"]


def test_equal_keys_of_two_tenants_are_told_to_both_and_open_for_the_older() -> None:
    older, younger = "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"
    mine, theirs = secret(created=younger), secret(namespace="x", created=older)
    auth: dict[str, Any] = {"apiKeys": {}}

    found = lowered(
        fleet(), mine, theirs, policy(auth=auth), policy(namespace="x", name="theirs", models=["theirs"], auth=auth)
    )

    assert [key.scope for key in found.gateway.keys] == ["x/clients"]
    for name in ("models/chat", "x/theirs"):
        assert condition(found, "ResolvedRefs", name).reason == "DuplicateKey"
        assert KEY not in condition(found, "ResolvedRefs", name).message


def test_summary_is_the_worst_of_the_conditions() -> None:
    ready = summarized(*lowered(fleet(), policy()).policies["models/chat"].findings)
    stalled = summarized(*findings_of_unreadable("`spec.rules` must be set"))

    assert [(one.type, one.status) for one in ready] == [
        ("Ready", "True"),
        ("Accepted", "True"),
        ("ResolvedRefs", "True"),
        ("Reconciling", "False"),
        ("Stalled", "False"),
    ]
    assert [(one.type, one.status) for one in stalled] == [
        ("Ready", "False"),
        ("Accepted", "False"),
        ("Reconciling", "False"),
        ("Stalled", "True"),
    ]
    assert "What the gateway does stays as it was." in stalled[0].message
