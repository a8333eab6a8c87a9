"""A ModelDeployment with the policies about it → the pool of its replicas."""

from collections.abc import Iterable, Iterator

from modelfleet.api.saturation import gateway_share, requests_per_pod
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy, RouteRule
from modelfleet.api.v1alpha1.route_policy.resilience import Retries, Timeouts
from modelfleet.gateway import ir
from modelfleet.gateway.lower.references import fleets_named_by, fleets_targeted_by, steps_of
from modelfleet.gateway.lower.seniority import by_age
from modelfleet.gateway.lower.setting import Setting

ALL_PERCENT = 100


def pool_of(
    fleet: ModelDeployment, caches: Iterable[CachePolicy], policies: Iterable[RoutePolicy], setting: Setting
) -> ir.Pool:
    """
    Return the pool of *fleet*.

    *caches* and *policies* are those of its namespace; others than those that name the fleet make no difference. What
    belongs to a pool and is set by several policies is the oldest one's: of low priority the smallest share counts.
    """
    name = fleet.metadata.name
    naming = by_age(policy for policy in policies if name in fleets_named_by(policy))
    requests = requests_per_pod(fleet, setting.accelerators)
    share = gateway_share(requests, setting.gateway.replicas)
    percent = min(map(_low_priority_percent, naming), default=ALL_PERCENT)
    rules = [rule for policy in naming for rule in _rules_about(name, policy)]
    return ir.Pool(
        fleet=fleet.canonical_name,
        connections_per_pod=share,
        low_priority_connections_per_pod=max(1, share * percent // ALL_PERCENT),
        queue_limit=share,
        affinity=_affinity(name, caches),
        sleep=_sleep(fleet),
        outliers=_outliers(rules),
        connect_milliseconds=_connect_milliseconds(rules),
        retry_budget_percent=_retry_budget_percent(rules),
    )


def _rules_about(fleet: str, policy: RoutePolicy) -> Iterator[RouteRule]:
    for rule in policy.spec.rules:
        if any(step.model_deployment == fleet for step in steps_of(rule)):
            yield rule


def _low_priority_percent(policy: RoutePolicy) -> int:
    shedding = policy.spec.shedding
    return shedding.low_priority.at_concurrency_percent if shedding else ALL_PERCENT


def _outliers(rules: Iterable[RouteRule]) -> ir.OutlierDetection:
    for rule in rules:
        if "outlier_detection" in rule.model_fields_set:
            said = rule.outlier_detection
            return ir.OutlierDetection(said.consecutive_errors, said.ejection_seconds, said.max_ejection_percent)
    return ir.OutlierDetection()


def _connect_milliseconds(rules: Iterable[RouteRule]) -> int:
    for rule in rules:
        if "connect_milliseconds" in rule.timeouts.model_fields_set:
            return rule.timeouts.connect_milliseconds
    return Timeouts().connect_milliseconds


def _retry_budget_percent(rules: Iterable[RouteRule]) -> int:
    for rule in rules:
        if "budget_percent" in rule.retries.model_fields_set:
            return rule.retries.budget_percent
    return Retries().budget_percent


def _affinity(fleet: str, caches: Iterable[CachePolicy]) -> ir.Affinity | None:
    in_force = next(iter(by_age(cache for cache in caches if fleet in fleets_targeted_by(cache))), None)
    said = in_force.spec.affinity if in_force else None
    if said is None:
        return None
    return ir.Affinity(
        key=ir.AffinityKey(said.key),
        prefix_bytes=said.prefix_bytes,
        session_header=said.session_header,
        load_bound_percent=said.load_bound_percent,
    )


def _sleep(fleet: ModelDeployment) -> ir.Sleep | None:
    scaling = fleet.spec.autoscaling
    if scaling is None or scaling.scale_to_zero is None:
        return None
    return ir.Sleep(scaling.scale_to_zero.hold_seconds, falls_back=scaling.scale_to_zero.while_waking == "Fallback")
