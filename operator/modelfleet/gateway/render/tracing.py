"""Traces of the gateway's part, sent by OTLP; `traceparent` leads from the client's span over ours to the engine's."""

from urllib.parse import urlsplit

from modelfleet.gateway.ir import Frame
from modelfleet.gateway.render.access_log import TIME_TO_FIRST_TOKEN
from modelfleet.gateway.render.filters.usage import COMPLETION, PROMPT, found
from modelfleet.gateway.render.headers import FEATURE, MODEL, PROMPT_VERSION, TEAM, USER
from modelfleet.gateway.render.types import Resource, extension, typed

CLUSTER = "otlp"
SERVICE = "modelfleet-gateway"
GRPC, HTTP = "grpc", "http"
PORTS = {GRPC: 4317, HTTP: 4318}
"""Of OTLP, where the endpoint names none."""
TAGS = {
    "gen_ai.request.model": f"%REQ({MODEL})%",
    "gen_ai.usage.input_tokens": found(PROMPT),
    "gen_ai.usage.output_tokens": found(COMPLETION),
    "enduser.id": f"%REQ({USER})%",
    "modelfleet.team": f"%REQ({TEAM})%",
    "modelfleet.feature": f"%REQ({FEATURE})%",
    "modelfleet.prompt_version": f"%REQ({PROMPT_VERSION})%",
    "modelfleet.rule": "%ROUTE_NAME%",
    "modelfleet.ttft_ms": TIME_TO_FIRST_TOKEN,
}


def tracing(frame: Frame) -> Resource:
    """Return the part of the connection manager that makes spans; empty without an endpoint."""
    if frame.tracing_endpoint is None:
        return {}
    provider = extension(
        "envoy.tracers.opentelemetry", "config.trace.v3.OpenTelemetryConfig", service_name=SERVICE, **_exporter(frame)
    )
    return {
        "tracing": {
            "provider": provider,
            "random_sampling": {"value": frame.tracing_sample_percent},
            "spawn_upstream_span": True,
            "custom_tags": [{"tag": tag, "value": value} for tag, value in TAGS.items()],
        }
    }


def clusters(frame: Frame) -> dict[str, Resource]:
    """Return the cluster that spans are sent to, by name: by gRPC or HTTP, as the endpoint's scheme says."""
    if frame.tracing_endpoint is None:
        return {}
    parts = urlsplit(frame.tracing_endpoint)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    address = {"socket_address": {"address": host, "port_value": port}}
    cluster: Resource = {
        "name": CLUSTER,
        "type": "STRICT_DNS",
        "dns_lookup_family": "ALL",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    return {CLUSTER: {**cluster, **_http2(parts.scheme)}}


def _exporter(frame: Frame) -> Resource:
    parts = urlsplit(frame.tracing_endpoint or "")
    if parts.scheme == GRPC:
        return {"grpc_service": {"envoy_grpc": {"cluster_name": CLUSTER}, "timeout": "1s"}}
    path = parts.path if parts.path not in {"", "/"} else "/v1/traces"
    uri = f"{parts.scheme}://{parts.netloc}{path}"
    return {"http_service": {"http_uri": {"uri": uri, "cluster": CLUSTER, "timeout": "1s"}}}


def _http2(scheme: str) -> Resource:
    if scheme != GRPC:
        return {}
    name = "extensions.upstreams.http.v3.HttpProtocolOptions"
    options = typed(name, explicit_http_config={"http2_protocol_options": {}})
    return {"typed_extension_protocol_options": {f"envoy.{name}": options}}
