"""The listeners that come over LDS. They depend on platform settings alone: what tenants write never changes one."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelfleet.gateway.ir import Frame
from modelfleet.gateway.render import relay
from modelfleet.gateway.render.access_log import access_logs
from modelfleet.gateway.render.filters.chain import chain
from modelfleet.gateway.render.headers import DROPPED_PREFIXES, MODEL
from modelfleet.gateway.render.local_replies import local_reply_config
from modelfleet.gateway.render.tracing import tracing
from modelfleet.gateway.render.types import Resource, ads, extension

GATEWAY = "gateway"
SINK = "sink"
SINK_STATUS = 425
"""Too Early: Envoy's router tries again at once, without back-off, and no replica is held to have failed."""
SCOPES = "tables"

MANAGER = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
HEADERS_KIB = 96
STREAM_WINDOW_BYTES = 256 * 1024
CONNECTION_WINDOW_BYTES = 1024 * 1024
STREAMS_A_CONNECTION = 100
"""Of HTTP/2, open at once; a client or a proxy that has more opens another connection."""
IDLE_SECONDS = 660
"""A connection without requests ends; load balancers keep theirs up to 600 s, and must be the first to end it."""
REQUEST_SECONDS = 60
"""In this time a request must have come, body and all: 32 MiB at 4.5 Mbit/s. Its answer may take longer."""
CLIENT_TLS_FILE = "/etc/modelfleet/gateway/client-tls.yaml"
"""SDS as a file, in the chart's ConfigMap: it names the certificate's files, which the kubelet replaces."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where Envoy listens; there are others only where several run on one machine."""

    gateway: int = 8080
    gateway_tls: int = 8443
    sink: int = 8082


def listeners(frame: Frame, ports: Ports = Ports(), address: str = "0.0.0.0") -> dict[str, Resource]:  # noqa: S104
    """Return all listeners by name: `gateway` for clients, on every address; `sink` on loopback, and `relay` inside."""
    client = gateway(frame, ports=ports, address=address)
    return {GATEWAY: client, SINK: sink(ports), relay.RELAY: relay.listener(frame)}


def gateway(
    frame: Frame,
    *,
    ports: Ports,
    address: str,
    scopes: Resource | None = None,
    sources: Mapping[str, Resource] | None = None,
) -> Resource:
    """Return the client listener; *scopes* and *sources* are what ADS would bring, for where there is none."""
    manager = extension("clients", MANAGER, **_manager(frame, scopes or _from_ads(), sources))
    port = ports.gateway_tls if frame.client_tls else ports.gateway
    return {
        "name": GATEWAY,
        "address": _address(address, port),
        # A request's whole body is read before it is routed.
        "per_connection_buffer_limit_bytes": frame.max_body_bytes,
        "filter_chains": [{"filters": [manager], **_tls(frame)}],
    }


def sink(ports: Ports) -> Resource:
    """Return the listener that every pool falls back to when it has no replica: its answer leads to the next try."""
    routes = [{"match": {"prefix": "/"}, "direct_response": {"status": SINK_STATUS}}]
    config = {"name": SINK, "virtual_hosts": [{"name": SINK, "domains": ["*"], "routes": routes}]}
    manager = extension(SINK, MANAGER, stat_prefix=SINK, route_config=config, http_filters=[_router()])
    return {
        "name": SINK,
        "address": _address("127.0.0.1", ports.sink),
        "ignore_global_conn_limit": True,
        "bypass_overload_manager": True,
        "filter_chains": [{"filters": [manager]}],
    }


def scope_key_builder() -> Resource:
    """Return how a request's scope is found: the whole value of one header."""
    return {"fragments": [{"header_value_extractor": {"name": MODEL, "index": 0}}]}


def _manager(frame: Frame, scopes: Resource, sources: Mapping[str, Resource] | None) -> Resource:
    return {
        "stat_prefix": GATEWAY,
        "scoped_routes": {"name": SCOPES, "scope_key_builder": scope_key_builder(), **scopes},
        "http_filters": chain(frame, sources),
        "local_reply_config": local_reply_config(frame),
        "access_log": access_logs(frame),
        **_hygiene(),
        **_protocols(frame),
        **_timeouts(),
        **tracing(frame),
    }


def _hygiene() -> Resource:
    """Return what keeps clients from being taken for somebody or something else."""
    mutation = "extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    drops = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in DROPPED_PREFIXES]
    return {
        "early_header_mutation_extensions": [extension("drop-identity", mutation, mutations=drops)],
        "normalize_path": True,
        "merge_slashes": True,
        # Names of models may have slashes, which clients encode behind /v1/models/; no other path is served with them.
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        # Addresses of clients are nobody's business, least of all that of providers outside the cluster.
        "use_remote_address": False,
        "always_set_request_id_in_response": True,
        "server_header_transformation": "PASS_THROUGH",
    }


def _protocols(frame: Frame) -> Resource:
    windows = {
        # Of a body over HTTP/2 Envoy holds no more than this, whatever the connection's buffer may hold.
        "initial_stream_window_size": max(STREAM_WINDOW_BYTES, frame.max_body_bytes),
        "initial_connection_window_size": CONNECTION_WINDOW_BYTES,
        "max_concurrent_streams": STREAMS_A_CONNECTION,
    }
    return {
        "codec_type": "AUTO",
        "max_request_headers_kb": HEADERS_KIB,
        "http2_protocol_options": windows,
        "common_http_protocol_options": {
            "idle_timeout": f"{IDLE_SECONDS}s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
    }


def _timeouts() -> Resource:
    """Return how long a client may take to send its request; answers have the limits of their route."""
    return {
        "request_headers_timeout": "30s",
        "request_timeout": f"{REQUEST_SECONDS}s",
        "stream_idle_timeout": "300s",
    }


def _from_ads() -> Resource:
    return {"rds_config_source": ads(), "scoped_rds": {"scoped_rds_config_source": ads()}}


def _tls(frame: Frame) -> Resource:
    if not frame.client_tls:
        return {}
    source = {"path_config_source": {"path": CLIENT_TLS_FILE}, "resource_api_version": "V3"}
    context = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
        "tls_certificate_sds_secret_configs": [{"name": "client-tls", "sds_config": source}],
    }
    kind = "extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    return {"transport_socket": extension("envoy.transport_sockets.tls", kind, common_tls_context=context)}


def _router() -> Resource:
    return extension("router", "extensions.filters.http.router.v3.Router")


def _address(address: str, port: int) -> Resource:
    return {"socket_address": {"address": address, "port_value": port}}
