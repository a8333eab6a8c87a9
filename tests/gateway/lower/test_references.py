"""What an object depends on is known, so that a change recomputes what it touches."""

from typing import Any

import pytest
from tests.gateway.objects import caching, outside, policy, rule, to

from modelfleet.gateway.ir import SecretKey
from modelfleet.gateway.lower.references import (
    fleets_named_by,
    fleets_targeted_by,
    provider_keys_named_by,
    selects_secret,
)


def test_policy_names_the_fleets_of_all_its_rules_and_fallbacks() -> None:
    made = policy(
        rule(to("a"), to("b", weight=0), name="one"), rule(to("c"), name="two", fallback=[to("d"), outside()])
    )

    assert fleets_named_by(made) == {"a", "b", "c", "d"}


def test_cache_policy_targets_its_fleets() -> None:
    assert fleets_targeted_by(caching("a", "b", affinity={"key": "User"})) == {"a", "b"}


def test_policy_needs_the_keys_of_its_providers() -> None:
    made = policy(
        rule(
            outside(apiKeySecretRef={"name": "x"}),
            fallback=[outside("b.example.com", apiKeySecretRef={"name": "y", "key": "k"})],
        )
    )

    assert provider_keys_named_by(made) == {SecretKey("models", "x", "api-key"), SecretKey("models", "y", "k")}


@pytest.mark.parametrize(
    ("auth", "selected"),
    [
        pytest.param(None, True, id="without auth every Secret"),
        pytest.param({"apiKeys": {}}, True, id="an empty selector selects every Secret"),
        pytest.param({"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold"}}}}, True, id="its labels"),
        pytest.param({"apiKeys": {"secretSelector": {"matchLabels": {"tier": "tin"}}}}, False, id="other labels"),
        pytest.param(
            {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold", "a": "b"}}}}, False, id="one label too few"
        ),
        pytest.param(
            {"jwt": {"issuer": "i", "jwksUri": "https://id.example.com", "audiences": ["a"]}}, False, id="tokens alone"
        ),
    ],
)
def test_policy_selects_secrets_by_their_labels(auth: dict[str, Any] | None, selected: bool) -> None:
    assert selects_secret(policy(auth=auth), {"tier": "gold", "x": "y"}) == selected
