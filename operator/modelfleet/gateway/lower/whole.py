"""All objects at once → the gateway, with what every object is told: for use without a cluster, and for tests."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from modelfleet.api.conditions import Finding
from modelfleet.api.served_names import Verdict, claim_of, names_finding
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.gateway import ir
from modelfleet.gateway.lower.backends import Neighbours
from modelfleet.gateway.lower.fleets import direct_table
from modelfleet.gateway.lower.names import claim_of_policy, verdicts
from modelfleet.gateway.lower.objects import Objects, by_namespace
from modelfleet.gateway.lower.policies import LoweredPolicy, lower_policy, policy_id
from modelfleet.gateway.lower.pools import pool_of
from modelfleet.gateway.lower.problem import Problem
from modelfleet.gateway.lower.references import fleets_named_by
from modelfleet.gateway.lower.secrets import (
    PROVIDER_KEY_TYPE,
    Keys,
    KeySecret,
    ProviderSecret,
    read_keys,
    read_provider_keys,
    settle,
)
from modelfleet.gateway.lower.setting import Setting, frame_of


@dataclass(frozen=True, slots=True)
class FleetStanding:
    """How a fleet is reached, and what it is told."""

    names: Verdict
    named_by: tuple[str, ...]
    """named_by are the policies that send requests to it."""
    is_direct: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Lowered:
    """The gateway, and what each object is told; policies and fleets are named `<namespace>/<name>`."""

    gateway: ir.Gateway
    policies: Mapping[str, LoweredPolicy] = field(default_factory=dict)
    fleets: Mapping[str, FleetStanding] = field(default_factory=dict)
    secrets: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Context:
    objects: Objects
    setting: Setting
    names: Mapping[str, Verdict]
    key_secrets: Mapping[str, list[KeySecret]]
    provider_secrets: tuple[ProviderSecret, ...]
    keys: Keys


def lower(objects: Objects, setting: Setting) -> Lowered:
    """Return what *objects* make of the gateway in *setting*."""
    context = _context(objects, setting)
    policies = _policies(context)
    tables, pools, standings = _fleets(context, policies)
    provider_keys = {key: text for secret in context.provider_secrets for key, text in secret.values.items()}
    used = {provider.key for policy in policies.values() for provider in policy.providers}
    gateway = ir.Gateway(
        frame=frame_of(setting.gateway),
        tables={table.name: table for table in (*(one.table for one in policies.values() if one.table), *tables)},
        pools={pool.fleet: pool for pool in pools},
        providers={one.name: one for policy in policies.values() for one in policy.providers},
        keys=context.keys.keys,
        jwt=tuple({one.jwt.name: one.jwt for one in policies.values() if one.jwt}.values()),
        provider_keys={key: text for key, text in provider_keys.items() if key in used},
    )
    provider_problems = {secret.name: secret.problems for secret in context.provider_secrets if secret.problems}
    return Lowered(gateway, policies, standings, {**context.keys.problems, **provider_problems})


def _context(objects: Objects, setting: Setting) -> _Context:
    claims = [*map(claim_of, objects.fleets), *map(claim_of_policy, objects.policies)]
    key_secrets: dict[str, list[KeySecret]] = {}
    for secret in objects.secrets:
        if secret.get("type") != PROVIDER_KEY_TYPE:
            key_secrets.setdefault(secret["metadata"].get("namespace", "default"), []).append(read_keys(secret))
    return _Context(
        objects=objects,
        setting=setting,
        names=verdicts(claims, setting.grants),
        key_secrets=key_secrets,
        provider_secrets=tuple(
            read_provider_keys(secret) for secret in objects.secrets if secret.get("type") == PROVIDER_KEY_TYPE
        ),
        keys=settle(secret for secrets in key_secrets.values() for secret in secrets if secret.is_typed),
    )


def _policies(context: _Context) -> dict[str, LoweredPolicy]:
    provider_keys = frozenset(key for secret in context.provider_secrets for key in secret.values)
    fleets = by_namespace(context.objects.fleets)
    lowered = {}
    for policy in context.objects.policies:
        namespace = policy.metadata.namespace
        near = {fleet.metadata.name: fleet for fleet in fleets.get(namespace, ())}
        lowered[policy_id(policy)] = lower_policy(
            policy,
            verdict=context.names[claim_of_policy(policy).owner],
            neighbours=Neighbours(namespace, near, provider_keys, context.setting),
            secrets=context.key_secrets.get(namespace, ()),
            problems_by_secret=context.keys.problems,
        )
    return lowered


def _fleets(
    context: _Context, lowered: Mapping[str, LoweredPolicy]
) -> tuple[list[ir.RouteTable], list[ir.Pool], dict[str, FleetStanding]]:
    naming, caches = _policies_by_fleet(context.objects.policies), by_namespace(context.objects.caches)
    refined = _names_by_namespace(context.objects.policies, lowered)
    tables, pools, standings = [], [], {}
    for fleet in context.objects.fleets:
        namespace = fleet.metadata.namespace
        policies = naming.get(fleet.canonical_name, [])
        table = _table(context, fleet, refined.get(namespace, ()), is_named=bool(policies))
        tables += [table] if table else []
        pools.append(pool_of(fleet, caches.get(namespace, ()), policies, context.setting))
        names = context.names[claim_of(fleet).owner]
        named_by = tuple(sorted(map(policy_id, policies)))
        standings[fleet.canonical_name] = FleetStanding(names, named_by, table is not None, (names_finding(names),))
    return tables, pools, standings


def _policies_by_fleet(policies: Iterable[RoutePolicy]) -> Mapping[str, list[RoutePolicy]]:
    found: dict[str, list[RoutePolicy]] = {}
    for policy in policies:
        for fleet in fleets_named_by(policy):
            found.setdefault(f"{policy.metadata.namespace}/{fleet}", []).append(policy)
    return found


def _names_by_namespace(
    policies: Iterable[RoutePolicy], lowered: Mapping[str, LoweredPolicy]
) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for policy in policies:
        namespace = policy.metadata.namespace
        found[namespace] = found.get(namespace, frozenset()) | lowered[policy_id(policy)].names.accepted
    return found


def _table(
    context: _Context, fleet: ModelDeployment, refined: Collection[str], *, is_named: bool
) -> ir.RouteTable | None:
    return direct_table(
        fleet,
        verdict=context.names[claim_of(fleet).owner],
        refined=refined,
        is_named=is_named,
        setting=context.setting,
    )
