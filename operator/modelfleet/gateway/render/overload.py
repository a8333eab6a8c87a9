"""
What Envoy does when its memory runs short: it ends the requests whose bodies take most of it, and serves the others.

Bodies are held whole before a request is routed, so that a few dozen callers who send large ones slowly could fill any
gateway. Measured with Envoy 1.40, 40 of them against a heap for 20, and small requests of others meanwhile: over
HTTP/2 large ones are reset by their size. Over HTTP/1 Envoy does not know who takes how much; there any piece of a
request that arrives may end it, with a chance that grows with the pressure. A body of 4 MB comes in more than 60 pieces
and a small request in one, so that 35 of the 40 were ended, and up to 6 of a hundred small requests.
"""

from modelfleet.gateway.render.types import Resource

HEAP = "envoy.resource_monitors.fixed_heap"
REFRESH = "0.05s"
"""In a quarter of a second a fast network brings a fifth of the heap."""
TRACKED_POWER_OF_TWO = 20
"""Requests that hold less than 1 MiB are never ended for it."""


def overload(heap_bytes: int) -> Resource:
    """Return the OverloadManager of an Envoy that may have *heap_bytes*; the chart's bootstrap does the same."""
    kind = "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig"
    return {
        "refresh_interval": REFRESH,
        "resource_monitors": [{"name": HEAP, "typed_config": {"@type": kind, "max_heap_size_bytes": heap_bytes}}],
        **reactions(),
    }


def reactions() -> Resource:
    """Return what happens at which part of the heap."""
    return {
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": TRACKED_POWER_OF_TWO},
        "actions": [
            _action("shrink_heap", _above(0.7)),
            # The largest first: of 128 MiB at 0.7, of 16 MiB at 0.775, of 1 MiB at 0.875.
            _action("reset_high_memory_stream", _between(0.7, 0.9)),
            _action("disable_http_keepalive", _above(0.9)),
            _action("stop_accepting_requests", _above(0.95)),
            _action("stop_accepting_connections", _above(0.98)),
        ],
        "loadshed_points": [
            {"name": "envoy.load_shed_points.http1_server_abort_dispatch", "triggers": [_between(0.8, 1.0)]}
        ],
    }


def _action(name: str, trigger: Resource) -> Resource:
    return {"name": f"envoy.overload_actions.{name}", "triggers": [trigger]}


def _above(part: float) -> Resource:
    return {"name": HEAP, "threshold": {"value": part}}


def _between(none: float, full: float) -> Resource:
    return {"name": HEAP, "scaled": {"scaling_threshold": none, "saturation_threshold": full}}
