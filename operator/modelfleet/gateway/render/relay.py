"""
The listener inside Envoy that later tries go over: there a pool's own refusal is an answer, and leads to the next try.

It tries nothing again itself. Which cluster a request wants is its host: `<namespace>.<name>` for a fleet's pool,
`external.<namespace>.<hash>` for a provider; `final` gives the static answer that the route put into `FINAL_ANSWER`.
"""

import json
from functools import cache
from importlib.resources import files

from modelfleet.gateway.ir import Frame, StaticAnswer
from modelfleet.gateway.render.affinity import hash_policy
from modelfleet.gateway.render.headers import PREFIX
from modelfleet.gateway.render.local_replies import Reply, local_reply_config, mappers, says
from modelfleet.gateway.render.types import Resource, extension, typed

RELAY = "relay"
CLUSTER = f"{PREFIX}cluster"
FINAL_ANSWER = f"{PREFIX}final"
LOW = f"{PREFIX}low"
"""Set where a request of low priority counts as such."""
NEVER_AGAIN = "x-envoy-ratelimited"
"""Envoy's router tries no answer again that has this header; the route takes it off."""

MANAGER = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
INTERNAL_LISTENERS = extension(
    "envoy.bootstrap.internal_listener", "extensions.bootstrap.internal_listener.v3.InternalListener"
)
"""What the bootstrap must list in `bootstrap_extensions`."""


def listener(frame: Frame) -> Resource:
    """Return the listener; it has no address outside of Envoy."""
    return {
        "name": RELAY,
        "internal_listener": {},
        # Whether there is room for a request was decided where it came in.
        "bypass_overload_manager": True,
        "per_connection_buffer_limit_bytes": frame.max_body_bytes,
        "filter_chains": [{"filters": [extension(RELAY, MANAGER, **_manager(frame))]}],
    }


def member(name: str, target: str) -> Resource:
    """Return the cluster *name* that leads over the relay to *target*."""
    host = target.replace("/", ".")
    address = {"envoy_internal_address": {"server_listener_name": RELAY, "endpoint_id": host}}
    plain = extension("plain", "extensions.transport_sockets.raw_buffer.v3.RawBuffer")
    inside = "extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport"
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"hostname": host, "address": address}}]}],
        },
        "transport_socket": extension("inside", inside, transport_socket=plain),
        "circuit_breakers": unlimited(),
    }


def unlimited() -> Resource:
    """Return breakers that never open: Envoy's own defaults (1,024, and three retries) are too small for streams."""
    most = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), UNLIMITED)
    return {"thresholds": [{"priority": priority, **most} for priority in ("DEFAULT", "HIGH")]}


UNLIMITED = 1_000_000


def final_answer(answer: StaticAnswer) -> str:
    """Return the value of `FINAL_ANSWER`: status, seconds to wait (or nothing) and the message, in plain characters."""
    wait = "" if answer.retry_after_seconds is None else str(answer.retry_after_seconds)
    return f"{answer.status};{wait};{json.dumps(answer.message)[1:-1]}".replace("%", "%%")


def _manager(frame: Frame) -> Resource:
    filters = [_script(), extension("router", "extensions.filters.http.router.v3.Router", suppress_envoy_headers=True)]
    host = {"name": RELAY, "domains": ["*"], "routes": [_route(is_low=True), _route(is_low=False)]}
    return {
        "stat_prefix": RELAY,
        "route_config": {"name": RELAY, "virtual_hosts": [host]},
        "http_filters": filters,
        # The request is the client's, and goes on as it came; its timeouts are those of the client's side.
        "generate_request_id": False,
        "stream_idle_timeout": "0s",
        "skip_xff_append": True,
        "server_header_transformation": "PASS_THROUGH",
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 0}]},  # noqa: S104
        "local_reply_config": {"mappers": [*mappers(WITHOUT_KEY), *local_reply_config(frame)["mappers"]]},
    }


def _route(*, is_low: bool) -> Resource:
    return {
        "match": {"prefix": "/", **({"headers": [{"name": LOW, "present_match": True}]} if is_low else {})},
        "route": {
            "cluster_header": CLUSTER,
            "timeout": "0s",
            "auto_host_rewrite": True,
            "priority": "DEFAULT" if is_low else "HIGH",
            "hash_policy": hash_policy(),
        },
    }


@cache
def _source() -> str:
    return (files("modelfleet.gateway.render") / "lua" / "relay.lua").read_text()


def _script() -> Resource:
    return {
        "name": "target",
        "typed_config": typed("extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": _source()}),
    }


WITHOUT_KEY = Reply(
    says("response.code_details == 'failed_to_inject_credential'"),
    "The key of the provider is missing at the gateway.",
    code="provider_key_missing",
    status=503,
)
"""Envoy says 401 where it has no key for a provider; but it is not the client's that is wrong."""
