"""What every cluster of our own replicas has: where its endpoints come from, and how it speaks HTTP."""

from modelfleet.gateway.render.types import Resource, ads, extension, typed

IDLE_SECONDS = 1
"""
A connection nobody uses counts against what a pod takes, for every priority but its own: it must not last.

It is also less than the 5 s after which the engine's server (uvicorn) closes it, so that no request meets a closed one.
"""
ENDPOINTS_SECONDS = 5
HTTP_OPTIONS = "extensions.upstreams.http.v3.HttpProtocolOptions"


def endpoints_of(name: str) -> Resource:
    """Return the part of a cluster whose endpoints come by EDS under *name*."""
    source = ads(initial_fetch_timeout=f"{ENDPOINTS_SECONDS}s")
    return {"type": "EDS", "eds_cluster_config": {"service_name": name, "eds_config": source}}


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
