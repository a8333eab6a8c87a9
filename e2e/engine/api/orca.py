"""The load report that a caller can ask for with a header (ORCA)."""

import json

from aiohttp import web

from e2e.engine.api.context import Context

_ASKED, _ANSWERED = "endpoint-load-metrics-format", "endpoint-load-metrics"


def load_header(request: web.Request, context: Context) -> dict[str, str]:
    """Return the header with the load, in the format asked for; nothing when none, or an unknown one, was."""
    form = request.headers.get(_ASKED, "").upper()
    loads = [engine.load for engine in context.client.engines]
    named = {
        "kv_cache_usage_perc": max(load.kv_cache_usage for load in loads),
        "num_requests_waiting": float(sum(load.waiting for load in loads)),
    }
    if form == "TEXT":
        return {_ANSWERED: "TEXT " + ", ".join(f"named_metrics.{name}={value}" for name, value in named.items())}
    if form == "JSON":
        return {_ANSWERED: "JSON " + json.dumps({"named_metrics": named})}
    return {}
