"""
Every field that the gateway looks at works: changing it changes what gateways are sent, or what the user is told.

The table names one change for every leaf of RoutePolicy, and for those of the fleet and the CachePolicy that no pod
depends on. A new field fails the first test until somebody says what it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import ValidationError
from tests.api.specs.manifests import bases
from tests.gateway import objects
from tests.workload.fleets import merged
from tests.workload.test_every_field import OF_THE_GATEWAY, SCHEMAS, leaves, steps_of, with_value

from modelfleet.api.schema.structural import structural_schema
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy, RoutePolicySpec
from modelfleet.gateway.ir import Address
from modelfleet.gateway.render import Place, Replicas, resources

Specs = Mapping[str, Any]

MEMBER = Address("192.0.2.1", 8000, "node")
HOLDER = Address("192.0.2.9", 8090, "node")
SMALLEST = {"model": {"source": objects.SOURCE}, "hardware": {"accelerator": "nvidia-h100-80gb"}}
SLEEPY = {"minReplicas": 0, "maxReplicas": 2, "mode": "Advisory", "scaleToZero": {"holdSeconds": 60}}
CACHE = {"targetRefs": [{"name": "everything"}], "affinity": {"key": "Prefix", "prefixBytes": 256}}
BASE: Specs = {
    "route": bases()["route-policy"]["spec"],
    "fleet": {
        **SMALLEST,
        "engine": {"version": "0.25.1", "maxNumSeqs": 64},
        "autoscaling": {**SLEEPY, "targets": {"queueDepthPerReplica": 4}},
    },
    "cache": CACHE,
}
OUTSIDE = {"route": bases()["route-policy-external"]["spec"]}
SESSION = {"cache": {"affinity": {"key": "Session", "prefixBytes": None}}}
AWAKE = {"fleet": {"autoscaling": None}}
"""Requests for a fleet that may sleep are held: longer, and oftener tried, than a rule says."""
LEAKING = {
    "route": {
        "rules": [
            {
                "name": "all",
                "backends": [{"modelDeployment": "everything"}],
                "fallback": [{"external": {"url": "https://api.example.com/v1"}}],
            }
        ]
    }
}


@dataclass(frozen=True)
class Change:
    """A *value* for one field, of `BASE` or of what differs from it as *base* says."""

    value: Any
    base: Specs | None = None


def _backend(field: str, value: Any) -> tuple[str, Change]:
    return f"route.rules[].backends[].{field}", Change(value, OUTSIDE)


def _fallback(field: str, value: Any) -> tuple[str, Change]:
    return f"route.rules[].fallback[].{field}", Change(value, OUTSIDE)


RULE = "route.rules[]"
CHANGES: Mapping[str, Change] = {
    "route.models[]": Change("other"),
    "route.auth.apiKeys.secretSelector.matchLabels{}": Change("added"),
    "route.auth.jwt.issuer": Change("https://login.example.com/other"),
    "route.auth.jwt.jwksUri": Change("https://login.example.com/other.json"),
    "route.auth.jwt.audiences[]": Change("other"),
    "route.auth.jwt.userClaim": Change("other"),
    "route.auth.jwt.teamClaim": Change("other"),
    "route.auth.jwt.priorityClaim": Change("other"),
    "route.auth.allow.users[]": Change("other"),
    "route.auth.allow.teams[]": Change("other"),
    f"{RULE}.name": Change("other"),
    f"{RULE}.match.headers[].name": Change("x-other"),
    f"{RULE}.match.headers[].exact": Change("other"),
    f"{RULE}.match.headers[].prefix": Change(
        "other", {"route": {"rules": [{"match": {"headers": [{"name": "a", "prefix": "b"}]}}]}}
    ),
    f"{RULE}.match.headers[].regex": Change(
        "other", {"route": {"rules": [{"match": {"headers": [{"name": "a", "regex": "b"}]}}]}}
    ),
    f"{RULE}.match.headers[].present": Change(
        value=False, base={"route": {"rules": [{"match": {"headers": [{"name": "a", "present": True}]}}]}}
    ),
    f"{RULE}.match.promptBytesAtMost": Change(9000),
    f"{RULE}.match.teams[]": Change("other"),
    f"{RULE}.match.users[]": Change("other"),
    f"{RULE}.match.priority": Change("Low"),
    f"{RULE}.backends[].modelDeployment": Change("one-writer"),
    f"{RULE}.backends[].weight": Change(80),
    **dict(
        one(field, value)
        for one in (_backend, _fallback)
        for field, value in {
            "external.url": "https://api.example.com/v2",
            "external.model": "other",
            "external.apiKeySecretRef.name": "other",
            "external.apiKeySecretRef.key": "other",
            "external.apiKeyHeader": "x-other",
        }.items()
    ),
    f"{RULE}.sticky.header": Change("x-other"),
    f"{RULE}.fallback[].modelDeployment": Change("smallest"),
    f"{RULE}.fallback[].static.status": Change(
        429, {"route": {"rules": [{"fallback": [{"static": {"status": 503, "message": "a"}}]}]}}
    ),
    f"{RULE}.fallback[].static.message": Change(
        "other", {"route": {"rules": [{"fallback": [{"static": {"status": 503, "message": "a"}}]}]}}
    ),
    f"{RULE}.fallback[].static.retryAfterSeconds": Change(
        9, {"route": {"rules": [{"fallback": [{"static": {"status": 503, "message": "a"}}]}]}}
    ),
    f"{RULE}.keepInCluster": Change(value=True, base=LEAKING),
    f"{RULE}.retries.attempts": Change(2, AWAKE),
    f"{RULE}.retries.budgetPercent": Change(40),
    f"{RULE}.retries.backoffMilliseconds": Change(20),
    f"{RULE}.retries.maxBackoffMilliseconds": Change(200),
    f"{RULE}.timeouts.idleSeconds": Change(61, AWAKE),
    f"{RULE}.timeouts.perTryIdleSeconds": Change(31, AWAKE),
    f"{RULE}.timeouts.connectMilliseconds": Change(501),
    f"{RULE}.timeouts.requestSeconds": Change(601),
    f"{RULE}.outlierDetection.consecutiveErrors": Change(4),
    f"{RULE}.outlierDetection.ejectionSeconds": Change(31),
    f"{RULE}.outlierDetection.maxEjectionPercent": Change(51),
    "route.limits[].per": Change("Team"),
    "route.limits[].requestsPerMinute": Change(61),
    "route.limits[].reservedTokensPerMinute": Change(100_001),
    "route.limits[].defaultMaxTokens": Change(1025),
    "route.shedding.lowPriority.atConcurrencyPercent": Change(50),
    "route.shedding.lowPriority.action": Change("Reject"),
    "route.attribution.featureHeader": Change("x-other"),
    "route.attribution.promptVersionHeader": Change("x-other"),
    "fleet.exposure": Change("Direct"),
    "fleet.autoscaling.minReplicas": Change(1),
    "fleet.autoscaling.maxReplicas": Change(0),
    "fleet.autoscaling.mode": Change("Unheard"),
    "fleet.autoscaling.targets.queueDepthPerReplica": Change(40),
    "fleet.autoscaling.scaleToZero.holdSeconds": Change(61),
    "fleet.autoscaling.scaleToZero.whileWaking": Change("Fallback"),
    "cache.affinity.key": Change("User"),
    "cache.affinity.prefixBytes": Change(512),
    "cache.affinity.sessionHeader": Change("x-other", SESSION),
    "cache.affinity.loadBoundPercent": Change(200),
}


def test_every_leaf_has_a_change() -> None:
    route = leaves(structural_schema(RoutePolicySpec), "route")
    others = (path for kind, schema in SCHEMAS.items() for path in leaves(schema, kind))
    ours = (path.replace("policy.", "cache.", 1) for path in others if path.startswith(OF_THE_GATEWAY))

    assert sorted(CHANGES) == sorted([*route, *ours])


@pytest.mark.parametrize("path", CHANGES)
def test_changing_a_field_changes_what_gateways_are_sent_or_users_are_told(path: str) -> None:
    change = CHANGES[path]
    before = overlaid(BASE, change.base or {})
    after = with_value(before, steps_of(path), change.value)

    assert before != after
    assert outcome(before) != outcome(after)
    assert not isinstance(outcome(before), str), "what is changed must be valid"


def overlaid(base: Specs, changes: Specs) -> dict[str, Any]:
    """Return *base* changed; a list takes the place of another, but its first rule keeps what is not said."""
    result = merged(dict(base), {})
    for kind, spec in changes.items():
        rules = spec.get("rules")
        first, *rest = base[kind].get("rules") or [None]
        is_part = rules and "backends" not in rules[0]
        result[kind] = merged(result[kind], spec | {"rules": [merged(first, rules[0]), *rest]} if is_part else spec)
    return result


def outcome(specs: Specs) -> Any:
    """Return what gateways are sent and what users are told, or why the specs are not valid; no form in between."""
    try:
        found = objects.lowered(*_objects(specs), allowedHosts=["*.example.com", "*.example.org"])
    except ValidationError as error:
        return str(error)
    pods = dict.fromkeys(found.gateway.pools, (MEMBER,))
    made = resources(found.gateway, Replicas(pods, activators=(HOLDER,)), Place())
    told = {name: (policy.findings, policy.rules) for name, policy in found.policies.items()}
    return made, told


def _objects(specs: Specs) -> list[Any]:
    meta = {"namespace": objects.NAMESPACE}
    fleets = [ModelDeployment.model_validate({"metadata": {**meta, "name": "everything"}, "spec": specs["fleet"]})]
    fleets += [objects.fleet(name) for name in ("smallest", "one-writer")]
    policy = RoutePolicy.model_validate({"metadata": {**meta, "name": "chat"}, "spec": specs["route"]})
    cache = CachePolicy.model_validate({"metadata": {**meta, "name": "warm"}, "spec": specs["cache"]})
    keys = [
        objects.secret("clients", labels={"team": "search"}),
        objects.provider_secret("provider", "token"),
    ]
    return [*fleets, policy, cache, *keys]
