"""
Everything in one static file: for `envoy --mode validate`, for review, and for running without the operator.

It is the only place where resources refer to each other by content instead of by ADS, so `--mode validate` sees all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelfleet.gateway.ir import Gateway
from modelfleet.gateway.render import authentication, listeners, relay, tokens, tracing
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.render.types import Resource

LOCAL_CLUSTER = "gateway"
"""The gateway's own replicas; limits are shared over those that live."""
TRUSTED_CA = "/etc/ssl/certs/ca-certificates.crt"
PROGRAM_LIMIT = "re2.max_program_size.error_level"
LONGEST_PROGRAM = 20_000
"""
Of a regular expression, in RE2's instructions; Envoy's own limit is 100. The chart's bootstrap says the same.

The longest that a policy can have, 64 users or teams of 253 characters, takes 16,076 (measured with Envoy 1.40).
"""
TTFT_MILLISECONDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000)
DURATION_MILLISECONDS = (50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 900000)


@dataclass(frozen=True, slots=True)
class Served:
    """What the operator would send besides listeners and credentials: each kind of resource by name."""

    route_configurations: Mapping[str, Resource] = field(default_factory=dict)
    scopes: Mapping[str, Resource] = field(default_factory=dict)
    """scopes are ScopedRouteConfigurations; each names one of route_configurations."""
    clusters: Mapping[str, Resource] = field(default_factory=dict)
    endpoints: Mapping[str, Resource] = field(default_factory=dict)
    """endpoints are ClusterLoadAssignments, by the service name of the EDS cluster they belong to."""
    secrets: Mapping[str, Resource] = field(default_factory=dict)


def static_bootstrap(
    gateway: Gateway,
    served: Served,
    *,
    ports: Ports = Ports(),  # noqa: B008 (frozen)
    address: str = "0.0.0.0",  # noqa: S104 (a gateway's pod)
    trusted_ca: str = TRUSTED_CA,
) -> Resource:
    """Return the bootstrap of an Envoy that does what *gateway* says and asks no operator; it has every key in it."""
    scopes, credentials = _scopes(served), _credentials(gateway)
    client = listeners.gateway(gateway.frame, ports=ports, address=address, scopes=scopes, sources=credentials)
    clusters = {
        **served.clusters,
        **tokens.jwks_clusters(gateway.jwt, trusted_ca=trusted_ca),
        **tracing.clusters(gateway.frame),
    }
    return {
        "static_resources": {
            "listeners": [client, listeners.sink(ports), relay.listener(gateway.frame)],
            "clusters": [
                *(_with_secrets(_static(cluster, served.endpoints)) for cluster in clusters.values()),
                *_missing(clusters),
            ],
            "secrets": list(served.secrets.values()),
        },
        "bootstrap_extensions": [relay.INTERNAL_LISTENERS],
        "cluster_manager": {"local_cluster_name": LOCAL_CLUSTER},
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {PROGRAM_LIMIT: LONGEST_PROGRAM}}]},
        "stats_config": stats_config(),
    }


def stats_config() -> Resource:
    """Return the buckets of the histograms of `access_log`; Envoy's own go to an hour in steps of little use."""
    buckets = {"ttft_ms": TTFT_MILLISECONDS, "duration_ms": DURATION_MILLISECONDS}
    return {
        "histogram_bucket_settings": [
            {"match": {"suffix": name}, "buckets": list(values)} for name, values in buckets.items()
        ]
    }


def _credentials(gateway: Gateway) -> dict[str, Resource]:
    return {
        authentication.API_KEYS: authentication.api_keys(gateway.keys),
        tokens.JWT: tokens.jwt(gateway.jwt),
    }


def _scopes(served: Served) -> Resource:
    scopes = [_with_routes(scope, served.route_configurations) for scope in served.scopes.values()]
    return {"scoped_route_configurations_list": {"scoped_route_configurations": scopes}}


def _with_routes(scope: Resource, route_configurations: Mapping[str, Resource]) -> Resource:
    kept = {key: value for key, value in scope.items() if key != "route_configuration_name"}
    return {**kept, "route_configuration": route_configurations[scope["route_configuration_name"]]}


def _static(cluster: Resource, endpoints: Mapping[str, Resource]) -> Resource:
    """Return an EDS cluster with its endpoints in it; others stay as they are."""
    if cluster.get("type") != "EDS":
        return cluster
    service = cluster.get("eds_cluster_config", {}).get("service_name") or cluster["name"]
    known = {key: value for key, value in cluster.items() if key != "eds_cluster_config"}
    assignment = {**endpoints.get(service, {}), "cluster_name": cluster["name"]}
    return {**known, "type": "STATIC", "load_assignment": assignment}


def _with_secrets(part: Any) -> Any:
    """Return *part* of a resource with the secrets it would ask ADS for taken from the file."""
    if isinstance(part, Mapping):
        kept = {key: value for key, value in part.items() if not (key == "sds_config" and "ads" in value)}
        return {key: _with_secrets(value) for key, value in kept.items()}
    if isinstance(part, list):
        return [_with_secrets(each) for each in part]
    return part


def _missing(clusters: Mapping[str, Resource]) -> list[Resource]:
    """Return the clusters that listeners name and nothing provides: without an operator, `operator-api` is nowhere."""
    names = (LOCAL_CLUSTER, OPERATOR_API)
    return [_empty(name) for name in names if name not in clusters]


OPERATOR_API = "operator-api"


def _empty(name: str) -> Resource:
    replicas = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}}}}]
    # One replica, this one: what its address is does not matter, nobody connects to it.
    endpoints = [{"lb_endpoints": replicas}] if name == LOCAL_CLUSTER else []
    assignment = {"cluster_name": name, "endpoints": endpoints}
    return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assignment}
