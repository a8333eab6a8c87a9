"""
An Envoy as the gateway routes to one fleet that may sleep: ready pods first, then every activator, then a sink.

The sink is a listener of Envoy's own that answers 425. Without it, activators that are gone are left out after some
failed connections, and what then has no endpoint at all is answered by Envoy itself, which leads to no further try.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.envoy.activator_process import FLEET, LOOPBACK

from modelfleet.controller.serve.activator.holding import ACTIVATOR_HEADER

Json = dict[str, Any]
EXTENSIONS = "type.googleapis.com/envoy.extensions"
MANAGER = f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager"
GROUPS = f"{EXTENSIONS}.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier"
ROUTER = f"{EXTENSIONS}.filters.http.router.v3.Router"
TLS = f"{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext"
PLAIN = f"{EXTENSIONS}.transport_sockets.raw_buffer.v3.RawBuffer"
PREVIOUS_HOSTS = f"{EXTENSIONS}.retry.host.previous_hosts.v3.PreviousHostsPredicate"
MATCH = "envoy.transport_socket_match"
RETRIED = [425, 429]
CONNECT_TIMEOUT = "10s"
"""
Activators agree on keys with everybody at once when another one dies: 100 handshakes took more than a second on a busy
machine, and what could not connect in time counted against the activator that was left.
"""
OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
SERVER_ERROR = {"name": ":status", "string_match": {"prefix": "5"}}
BY_ACTIVATOR = {"name": ACTIVATOR_HEADER, "present_match": True}


@dataclass(frozen=True, slots=True)
class Ports:
    """What listens where."""

    gateway: int
    sink: int
    fallback: int


def bootstrap(ports: Ports, *, groups: Sequence[str], endpoints: Path, certificates: Path) -> Json:
    """Return a gateway whose only route tries the clusters of *groups* in turn."""
    listeners = [
        _listener("gateway", ports.gateway, _route(groups)),
        _listener("sink", ports.sink, {"direct_response": {"status": 425}}),
    ]
    clusters = [_fleet(endpoints, certificates), _pool("fallback", ports.fallback)]
    return {"static_resources": {"listeners": listeners, "clusters": clusters}}


def address(port: int) -> Json:
    """Return a port of loopback in Envoy's form."""
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}


def write_endpoints(path: Path, *, ready: Sequence[int], activators: Sequence[int], sink: int) -> None:
    """Tell Envoy which pods are ready, and where the activators are; the file is exchanged in one piece."""
    localities = [
        {"priority": 0, "lb_endpoints": [_endpoint(port) for port in ready]},
        {"priority": 1, "lb_endpoints": [_endpoint(port, activator=True) for port in activators]},
        {"priority": 2, "lb_endpoints": [_endpoint(sink)]},
    ]
    assignment = {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": FLEET,
        "endpoints": localities,
        "policy": {"overprovisioning_factor": 100000},
    }
    version = path.stat().st_mtime_ns if path.exists() else 0
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"version_info": str(version), "resources": [assignment]}))
    draft.rename(path)


def _endpoint(port: int, *, activator: bool = False) -> Json:
    metadata = {"filter_metadata": {MATCH: {"activator": True}}} if activator else {}
    return {"endpoint": {"address": address(port)}, "metadata": metadata}


def _listener(name: str, port: int, route: Json) -> Json:
    routes = [{"match": {"prefix": "/"}, **route}]
    host = {"name": name, "domains": ["*"], "routes": routes, "include_request_attempt_count": True}
    manager = {
        "@type": MANAGER,
        "stat_prefix": name,
        "route_config": {"name": name, "virtual_hosts": [host]},
        "http_filters": [{"name": "router", "typed_config": {"@type": ROUTER}}],
    }
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {"name": name, "address": address(port), "filter_chains": [{"filters": [network]}]}


def _route(groups: Sequence[str]) -> Json:
    specifier = {
        "@type": GROUPS,
        "priority_groups": [
            {"name": str(number), "clusters": [{"cluster_name": name, "weight": 1}]}
            for number, name in enumerate(groups)
        ],
    }
    return {
        "request_headers_to_add": [
            _header("x-modelfleet-target", FLEET),
            _header("x-modelfleet-start", "%START_TIME(%s%3f)%"),
            _header("x-modelfleet-tries", str(len(groups))),
        ],
        "route": {
            "inline_cluster_specifier_plugin": {"extension": {"name": "groups", "typed_config": specifier}},
            "timeout": "0s",
            "retry_policy": {
                "retry_on": "5xx,reset,connect-failure,retriable-status-codes",
                "retriable_status_codes": RETRIED,
                "num_retries": len(groups) - 1,
                "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
                "rate_limited_retry_back_off": {"reset_headers": [{"name": "Retry-After", "format": "SECONDS"}]},
                "refresh_cluster_on_retry": True,
                "retry_host_predicate": [
                    {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": PREVIOUS_HOSTS}}
                ],
                "host_selection_retry_max_attempts": 30,
            },
        },
    }


def _header(key: str, value: str) -> Json:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _fleet(endpoints: Path, certificates: Path) -> Json:
    source = {
        "path_config_source": {"path": str(endpoints), "watched_directory": {"path": str(endpoints.parent)}},
        "resource_api_version": "V3",
    }
    return {
        "name": FLEET,
        "type": "EDS",
        "connect_timeout": CONNECT_TIMEOUT,
        "eds_cluster_config": {"eds_config": source, "service_name": FLEET},
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        "circuit_breakers": _breakers(),
        "outlier_detection": {
            "consecutive_5xx": 5,
            "interval": "1s",
            "base_ejection_time": "10s",
            "max_ejection_percent": 100,
        },
        "typed_extension_protocol_options": {OPTIONS: _errors_of_pods()},
        "transport_socket_matches": [
            {"name": "activator", "match": {"activator": True}, "transport_socket": _tls(certificates)},
            {"name": "pod", "match": {}, "transport_socket": {"name": "raw", "typed_config": {"@type": PLAIN}}},
        ],
    }


def _errors_of_pods() -> Json:
    """Return what makes 503 of an activator, which is an answer like any other, no reason to leave it out."""
    is_error, is_answer = (
        {"http_response_headers_match": {"headers": [each]}} for each in (SERVER_ERROR, BY_ACTIVATOR)
    )
    matcher = {"and_match": {"rules": [is_error, {"not_match": is_answer}]}}
    return {
        "@type": f"type.googleapis.com/{OPTIONS}",
        "explicit_http_config": {"http_protocol_options": {}},
        "outlier_detection": {"error_matcher": matcher},
    }


def _tls(certificates: Path) -> Json:
    def file(name: str) -> Mapping[str, str]:
        return {"filename": str(certificates / name)}

    name = {"san_type": "DNS", "matcher": {"exact": "modelfleet-operator"}}
    context = {
        "@type": TLS,
        "sni": "modelfleet-operator",
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "tls_certificates": [{"certificate_chain": file("tls.crt"), "private_key": file("tls.key")}],
            "validation_context": {"trusted_ca": file("ca.crt"), "match_typed_subject_alt_names": [name]},
        },
    }
    return {"name": "tls", "typed_config": context}


def _pool(name: str, port: int) -> Json:
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [_endpoint(port)]}]}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": assignment,
        "circuit_breakers": _breakers(),
    }


def _breakers() -> Json:
    many = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), 10000)
    return {"thresholds": [many]}
