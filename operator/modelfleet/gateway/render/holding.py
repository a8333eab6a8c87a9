"""
The pool of a fleet that may sleep: its pods; while none is ready the operators, who hold requests; else the sink.

It is an Envoy `aggregate` over three clusters, and not one cluster with three priorities: what is right for pods is
wrong for operators (measured with Envoy 1.40).

- With breakers for pods, 32 connections to each and 32 requests in the queue, 54 of 200 requests for a fleet at zero
  were held and the others shed, though nothing was busy.
- The replica with the fewest requests is the operator that just died. Each retry went there again until Envoy's main
  thread had left it out, however often `previous_hosts` asked for another; now and then a request lost all its tries.
"""

from modelfleet.gateway.ir import Pool
from modelfleet.gateway.render.headers import ACTIVATOR, TARGET
from modelfleet.gateway.render.operator import OPERATOR_API
from modelfleet.gateway.render.relay import UNLIMITED, unlimited
from modelfleet.gateway.render.retries import retry_limits
from modelfleet.gateway.render.types import Resource, extension
from modelfleet.gateway.render.upstream import http_options

SINK = "sink"


def pods_of(pool: Pool) -> str:
    """Return the name of the cluster of the pods of *pool*."""
    return f"{pool.fleet}/pods" if pool.sleep else pool.fleet


def holding_pool(pool: Pool) -> Resource:
    """Return the cluster that requests for *pool*, which may sleep, are sent to."""
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), UNLIMITED)
    limits = {**most, **retry_limits(pool.retry_budget_percent, holds=True)}
    kind = "extensions.clusters.aggregate.v3.ClusterConfig"
    return {
        "name": pool.fleet,
        "connect_timeout": "1s",
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": extension("envoy.clusters.aggregate", kind, clusters=[pods_of(pool), OPERATOR_API, SINK]),
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [{"priority": priority, **limits} for priority in ("DEFAULT", "HIGH")]},
        **options_while_asleep(pool),
    }


def options_while_asleep(pool: Pool) -> Resource:
    """
    Return what the outermost cluster of requests for *pool* has, as that of its members counts for nothing.

    It tells operators which fleet is wanted. Their 503 is an answer like any other: after some that counted as errors
    Envoy would leave them out, and nobody would hold requests (measured with Envoy 1.40).
    """
    is_error = {"name": ":status", "string_match": {"prefix": "5"}}
    is_answer = {"name": ACTIVATOR, "present_match": True}
    matcher = {"and_match": {"rules": [_response_has(is_error), {"not_match": _response_has(is_answer)}]}}
    return http_options(_target(pool), outlier_detection={"error_matcher": matcher})


def _response_has(header: Resource) -> Resource:
    return {"http_response_headers_match": {"headers": [header]}}


def _target(pool: Pool) -> Resource:
    header = {"key": TARGET, "value": pool.fleet}
    append = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    kind = "extensions.filters.http.header_mutation.v3.HeaderMutation"
    return extension("target", kind, mutations={"request_mutations": [append]})


def sink_cluster(port: int) -> Resource:
    """Return the cluster of Envoy's own listener on *port*, whose answer leads to the next try."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": SINK,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": SINK,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": unlimited(),
    }
