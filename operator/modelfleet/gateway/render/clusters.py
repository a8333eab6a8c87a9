"""
Pools of replicas, and the chains over them, as clusters.

Nothing here depends on how many replicas there are: a changed cluster starts its breakers from nothing (measured with
Envoy 1.40), so a fleet that grows or shrinks changes its endpoints alone.
"""

from collections.abc import Iterator, Mapping

from modelfleet.gateway.ir import RETRY_BUDGET_PERCENT, BackendKind, OutlierDetection, Pool, RouteTable, Rule
from modelfleet.gateway.render.affinity import load_balancing
from modelfleet.gateway.render.chains import Chain, all_chains
from modelfleet.gateway.render.holding import options_while_asleep, pods_of
from modelfleet.gateway.render.relay import UNLIMITED, member
from modelfleet.gateway.render.retries import no_retry_limits, retry_limits
from modelfleet.gateway.render.types import Resource, extension
from modelfleet.gateway.render.upstream import endpoints_of, http_options


def pool_cluster(pool: Pool) -> Resource:
    """Return the cluster of the pods of *pool*; its endpoints come by EDS under the fleet's name."""
    return {
        "name": pods_of(pool),
        **endpoints_of(pool.fleet),
        "connect_timeout": f"{pool.connect_milliseconds / 1000:.3f}s",
        "circuit_breakers": _breakers(pool),
        "outlier_detection": _outliers(pool.outliers),
        # Without panic, and at once: replicas that are left out get nothing, not even for the usual second.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        "load_balancing_policy": load_balancing(pool.affinity),
        **http_options(),
    }


def chain_clusters(table: RouteTable, pools: Mapping[str, Pool]) -> dict[str, Resource]:
    """Return the clusters of the chains of *table*, by name, with the members that lead over the relay."""
    found = (cluster for rule in table.rules for cluster in _of_rule(table, rule, pools))
    return {cluster["name"]: cluster for cluster in found}


def _breakers(pool: Pool) -> Resource:
    """
    Return the breakers: each pod's connections are its share, and what waits for one is the pool's queue.

    Measured with Envoy 1.40: a pod's connections count whatever their priority, so the lower limit of `DEFAULT` leaves
    what is above it to everybody else. Each pool of connections may always have one.
    """
    retries = retry_limits(pool.retry_budget_percent, holds=False)
    most = {"max_connections": UNLIMITED, "max_requests": UNLIMITED, **retries}
    connections = {"DEFAULT": pool.low_priority_connections_per_pod, "HIGH": pool.connections_per_pod}
    return {
        "thresholds": [
            {"priority": priority, "max_pending_requests": pool.queue_limit, **most} for priority in connections
        ],
        "per_host_thresholds": [
            {"priority": priority, "max_connections": limit} for priority, limit in connections.items()
        ],
    }


def _outliers(outliers: OutlierDetection) -> Resource:
    return {
        "consecutive_5xx": outliers.consecutive_errors,
        "interval": "1s",
        "base_ejection_time": f"{outliers.ejection_seconds}s",
        "max_ejection_time": f"{6 * outliers.ejection_seconds}s",
        "max_ejection_percent": outliers.max_ejection_percent,
        # A share of errors says nothing about a fleet whose requests are few and long.
        "enforcing_success_rate": 0,
    }


def _of_rule(table: RouteTable, rule: Rule, pools: Mapping[str, Pool]) -> Iterator[Resource]:
    for chain in all_chains(table, rule):
        if not chain.is_plain:
            yield _composite(table, chain, pools)
            yield from (member(_name(table, one.target), one.target) for one in chain.members if not one.is_direct)


def _composite(table: RouteTable, chain: Chain, pools: Mapping[str, Pool]) -> Resource:
    members = [{"name": one.target if one.is_direct else _name(table, one.target)} for one in chain.members]
    kind = "extensions.clusters.composite.v3.ClusterConfig"
    goes_elsewhere = len({one.target for one in chain.members}) > 1
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), UNLIMITED)
    first = chain.first
    pool = pools[first.name] if first and first.kind is BackendKind.FLEET else None
    holds = pool is not None and pool.sleep is not None
    limits = no_retry_limits() if goes_elsewhere else retry_limits(RETRY_BUDGET_PERCENT, holds=holds)
    return {
        "name": chain.name,
        "connect_timeout": "1s",
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": extension("envoy.clusters.composite", kind, clusters=members),
        "circuit_breakers": {
            "thresholds": [{"priority": priority, **most, **limits} for priority in ("DEFAULT", "HIGH")]
        },
        **(options_while_asleep(pool) if pool and pool.sleep else {}),
    }


def _name(table: RouteTable, target: str) -> str:
    return f"{table.name}/to/{target}"
