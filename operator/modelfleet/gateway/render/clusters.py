"""
Pools of replicas, and the chains over them, as clusters.

Nothing here depends on how many replicas there are: a changed cluster starts its breakers from nothing (measured with
Envoy 1.40), so a fleet that grows or shrinks changes its endpoints alone.
"""

from collections.abc import Iterator, Mapping

from modelfleet.gateway.ir import BackendKind, OutlierDetection, Pool, Retries, RouteTable, Rule
from modelfleet.gateway.render.affinity import load_balancing
from modelfleet.gateway.render.chains import Chain, all_chains
from modelfleet.gateway.render.headers import PREFIX, TARGET
from modelfleet.gateway.render.operator import OperatorAccess, mutual_tls
from modelfleet.gateway.render.relay import UNLIMITED, member
from modelfleet.gateway.render.retries import no_retry_limits, retry_limits
from modelfleet.gateway.render.types import Resource, ads, extension, typed

IDLE_SECONDS = 1
"""
A connection nobody uses counts against what a pod takes, for every priority but its own: it must not last.

It is also less than the 5 s after which the engine's server (uvicorn) closes it, so that no request meets a closed one.
"""
ENDPOINTS_SECONDS = 5
ACTIVATOR = "activator"
ANSWERED_BY_ACTIVATOR = f"{PREFIX}activator"
"""A header of every answer of an activator."""
HANDSHAKES_MILLISECONDS = 10_000
HTTP_OPTIONS = "extensions.upstreams.http.v3.HttpProtocolOptions"


def pool_cluster(pool: Pool, operator: OperatorAccess) -> Resource:
    """Return the cluster of *pool*; its endpoints come by EDS under the same name."""
    return {
        "name": pool.fleet,
        "type": "EDS",
        "eds_cluster_config": {
            "service_name": pool.fleet,
            "eds_config": ads(initial_fetch_timeout=f"{ENDPOINTS_SECONDS}s"),
        },
        "connect_timeout": f"{_connect_milliseconds(pool) / 1000:.3f}s",
        "circuit_breakers": _breakers(pool),
        "outlier_detection": _outliers(pool.outliers),
        # Without panic, and at once: replicas that are left out get nothing, not even for the usual second.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        "load_balancing_policy": load_balancing(pool.affinity),
        **http_options(*_target_filters(pool), **_errors_that_count(pool)),
        **(_sockets(operator) if pool.sleep else {}),
    }


def chain_clusters(table: RouteTable, pools: Mapping[str, Pool]) -> dict[str, Resource]:
    """Return the clusters of the chains of *table*, by name, with the members that lead over the relay."""
    found = (cluster for rule in table.rules for cluster in _of_rule(table, rule, pools))
    return {cluster["name"]: cluster for cluster in found}


def http_options(*filters: Resource, **further: Resource) -> Resource:
    """Return the part of a cluster that speaks HTTP/1.1 through *filters*, and lets idle connections go."""
    last = extension("upstream-codec", "extensions.filters.http.upstream_codec.v3.UpstreamCodec")
    options = typed(
        HTTP_OPTIONS,
        explicit_http_config={"http_protocol_options": {}},
        common_http_protocol_options={"idle_timeout": f"{IDLE_SECONDS}s"},
        **({"http_filters": [*filters, last]} if filters else {}),
        **further,
    )
    return {"typed_extension_protocol_options": {f"envoy.{HTTP_OPTIONS}": options}}


def _breakers(pool: Pool) -> Resource:
    """
    Return the breakers: each pod's connections are its share, and what waits for one is the pool's queue.

    Measured with Envoy 1.40: a pod's connections count whatever their priority, so the lower limit of `DEFAULT` leaves
    what is above it to everybody else. Each pool of connections may always have one.
    """
    retries = retry_limits(Retries(), holds=pool.sleep is not None)
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


def _connect_milliseconds(pool: Pool) -> int:
    """Return the time to connect; the death of one activator brings its TLS handshakes to another all at once."""
    return max(pool.connect_milliseconds, HANDSHAKES_MILLISECONDS if pool.sleep else 0)


def _errors_that_count(pool: Pool) -> Resource:
    """Return what makes a replica an outlier: an activator's 503 is an answer like any other (measured with 1.40)."""
    if pool.sleep is None:
        return {}
    is_error = {"name": ":status", "string_match": {"prefix": "5"}}
    is_answer = {"name": ANSWERED_BY_ACTIVATOR, "present_match": True}
    rules = [_response_has(is_error), {"not_match": _response_has(is_answer)}]
    return {"outlier_detection": {"error_matcher": {"and_match": {"rules": rules}}}}


def _response_has(header: Resource) -> Resource:
    return {"http_response_headers_match": {"headers": [header]}}


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
            yield _composite(table, chain, rule, pools)
            yield from (member(_name(table, one.target), one.target) for one in chain.members if not one.is_direct)


def _composite(table: RouteTable, chain: Chain, rule: Rule, pools: Mapping[str, Pool]) -> Resource:
    members = [{"name": one.target if one.is_direct else _name(table, one.target)} for one in chain.members]
    kind = "extensions.clusters.composite.v3.ClusterConfig"
    goes_elsewhere = len({one.target for one in chain.members}) > 1
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), UNLIMITED)
    first = chain.first
    pool = pools[first.name] if first and first.kind is BackendKind.FLEET else None
    holds = pool is not None and pool.sleep is not None
    limits = no_retry_limits() if goes_elsewhere else retry_limits(rule.retries, holds=holds)
    # A composite's own filters run, and never those of its members.
    filters = _target_filters(pool) if pool else []
    return {
        "name": chain.name,
        "connect_timeout": "1s",
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": extension("envoy.clusters.composite", kind, clusters=members),
        "circuit_breakers": {
            "thresholds": [{"priority": priority, **most, **limits} for priority in ("DEFAULT", "HIGH")]
        },
        **(http_options(*filters) if filters else {}),
    }


def _name(table: RouteTable, target: str) -> str:
    return f"{table.name}/to/{target}"


def _target_filters(pool: Pool) -> list[Resource]:
    """Return what tells an activator which fleet is wanted, where there is one to tell."""
    if pool.sleep is None:
        return []
    header = {"key": TARGET, "value": pool.fleet}
    append = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    kind = "extensions.filters.http.header_mutation.v3.HeaderMutation"
    return [extension("target", kind, mutations={"request_mutations": [append]})]


def _sockets(operator: OperatorAccess) -> Resource:
    """Return how to speak with whom: with activators over mutual TLS, with pods plainly."""
    plain = extension("plain", "extensions.transport_sockets.raw_buffer.v3.RawBuffer")
    return {
        "transport_socket_matches": [
            {"name": ACTIVATOR, "match": {ACTIVATOR: True}, "transport_socket": mutual_tls(operator)},
            {"name": "pod", "match": {}, "transport_socket": plain},
        ]
    }
