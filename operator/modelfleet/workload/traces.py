"""
Traces of the engines, sent where the gateway sends its own: the header `traceparent` makes one trace of both.

vLLM takes the endpoint as a flag, and the rest as OpenTelemetry's own environment variables. The exporters for Python
know neither the scheme `grpc` nor a port for it, and want the whole URL for HTTP.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from modelfleet.api.catalogue import EngineVersion
from modelfleet.api.platform import Platform

BUNDLED_SINCE = EngineVersion(0, 18, 0)
"""
Older images may lack OpenTelemetry's packages, and vLLM then ends at its start for the flag alone: those of October
2025 did (pull request 27109 of vLLM), and pull request 34466 of February 2026 added them. Not tried with an image.
"""
FLAG = "--otlp-traces-endpoint"
GRPC = "grpc"
PORTS = {GRPC: 4317, "http": 4318}
"""Of OTLP, where the endpoint names none."""
HTTP_PATH = "/v1/traces"


def endpoint(platform: Platform, version: EngineVersion) -> str | None:
    """Return where an engine of *version* sends its traces, in the form that its flag takes; None for nowhere."""
    if not platform.gateway.tracing.endpoint or version < BUNDLED_SINCE:
        return None
    parts = urlsplit(platform.gateway.tracing.endpoint)
    path = "" if parts.scheme == GRPC else parts.path.rstrip("/") or HTTP_PATH
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS[parts.scheme]}{path}"


def variables(sent_to: str, fleet: str) -> Iterator[tuple[str, str]]:
    """Yield the environment of an engine of *fleet* that sends its traces to *sent_to*, an `endpoint`."""
    yield "OTEL_SERVICE_NAME", fleet
    if urlsplit(sent_to).scheme == GRPC:
        yield "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true"
        yield "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"
    else:
        yield "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"


def port(sent_to: str) -> int:
    """Return the port of an `endpoint`."""
    return urlsplit(sent_to).port or 0
