"""
Budgets per minute, in buckets that live in Envoy and are shared over the gateway's replicas.

A bucket begins full with a minute's budget and fills evenly. Every replica has its share: the budget divided by the
replicas of the cluster `gateway` that live. Buckets belong to the RouteConfiguration they came with: whatever changes
in a table (a weight, another limit) makes all of its buckets new, and full; so does a restart of Envoy. What a client
sends over one connection meets one replica, and therefore that replica's share alone.

Of several limits each takes what the request costs until one refuses, also of those that would have let it in.
"""

from collections.abc import Iterable, Sequence

from modelfleet.gateway.ir import Limit, Per, RouteTable
from modelfleet.gateway.render.filters.scripts import NOT_UNKNOWN
from modelfleet.gateway.render.headers import ANSWERS, MODEL, REALM, TEAM, TOKENS, USER
from modelfleet.gateway.render.types import Resource, extension, typed

REQUESTS = "requests"
RESERVED_TOKENS = "tokens"
TYPE = "extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
MOST_BUCKETS = 20000
"""Users, teams and models of one table; beyond that those asked for longest ago begin anew."""
FULL_BUCKET = 2**32 - 1
"""Envoy's buckets count in 32 bits."""

LIMITED_BY = "x-ratelimit-limited-by"
"""Says with 429 which budget ended: `requests` or `tokens`."""

KEYS = {Per.USER: (REALM, USER), Per.TEAM: (REALM, TEAM), Per.MODEL: (MODEL,)}
"""The headers that together name a bucket."""


def filters() -> list[Resource]:
    """Return the two filters that heed `per_table`, requests first; where a table has no limits they do nothing."""
    return [extension(name, TYPE, stat_prefix=name) for name in (REQUESTS, RESERVED_TOKENS)]


def per_table(table: RouteTable) -> Resource:
    """Return the `typed_per_filter_config` of a table's virtual host: its limits, and that the table exists."""
    by_requests = [limit for limit in table.limits if limit.requests_per_minute is not None]
    by_tokens = [limit for limit in table.limits if limit.reserved_tokens_per_minute is not None]
    return {
        **NOT_UNKNOWN,
        **({REQUESTS: _limited(REQUESTS, map(_requests, by_requests))} if by_requests else {}),
        **(
            {RESERVED_TOKENS: _limited(RESERVED_TOKENS, map(_tokens, by_tokens), _wait(by_tokens))} if by_tokens else {}
        ),
    }


def _requests(limit: Limit) -> tuple[Resource, list[Resource]]:
    return _descriptor(limit, limit.requests_per_minute or 0), [{"actions": _actions(limit)}]


def _tokens(limit: Limit) -> tuple[Resource, list[Resource]]:
    """Return the bucket, and the three ways to know what a request reserves from it."""
    rules = (
        ({TOKENS: True}, {"format": f"%REQ({TOKENS})%"}),
        ({TOKENS: False, ANSWERS: False}, {"number": str(limit.default_max_tokens)}),
        (
            {TOKENS: False, ANSWERS: True},
            {"format": f"%CEL(int(request.headers['{ANSWERS}']) * {limit.default_max_tokens})%"},
        ),
    )
    charges = [{"actions": [*_actions(limit), _when(present)], "hits_addend": hits} for present, hits in rules]
    descriptor = _descriptor(limit, limit.reserved_tokens_per_minute or 0)
    return {**descriptor, "entries": [*descriptor["entries"], {"key": "what", "value": "tokens"}]}, charges


def _when(present: dict[str, bool]) -> Resource:
    """Return the action that holds where each header is present or not; it names the same bucket in every case."""
    headers = [
        {"name": name, "present_match": True, **({} if wanted else {"invert_match": True})}
        for name, wanted in present.items()
    ]
    return {"header_value_match": {"descriptor_key": "what", "descriptor_value": "tokens", "headers": headers}}


def _actions(limit: Limit) -> list[Resource]:
    kind = {"generic_key": {"descriptor_key": "per", "descriptor_value": str(limit.per)}}
    return [kind, *({"request_headers": {"header_name": key, "descriptor_key": key}} for key in KEYS[limit.per])]


def _descriptor(limit: Limit, budget: int) -> Resource:
    entries = [{"key": "per", "value": str(limit.per)}, *({"key": key} for key in KEYS[limit.per])]
    return {"entries": entries, "token_bucket": _bucket(budget)}


def _bucket(budget: int) -> Resource:
    size = min(budget, FULL_BUCKET)
    return {"max_tokens": size, "tokens_per_fill": size, "fill_interval": "60s"}


def _wait(limits: Sequence[Limit]) -> str:
    """
    Return how long an empty bucket needs for what the request reserves, at most a minute.

    Envoy itself would say when the bucket holds one token more, which is not enough for most requests.
    """
    smallest = min(limits, key=lambda limit: limit.reserved_tokens_per_minute or 0)
    budget, default = smallest.reserved_tokens_per_minute, smallest.default_max_tokens
    reserved = f"('{TOKENS}' in request.headers ? int(request.headers['{TOKENS}']) : {default})"
    return f"%CEL({reserved} >= {budget} ? 60 : 1 + {reserved} * 60 / {budget})%"


def _limited(name: str, parts: Iterable[tuple[Resource, list[Resource]]], wait: str | None = None) -> Resource:
    found = list(parts)
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return typed(
        TYPE,
        stat_prefix=name,
        token_bucket=_bucket(FULL_BUCKET),  # for what no descriptor matches; Envoy insists on one
        filter_enabled=always,
        filter_enforced=always,
        descriptors=[descriptor for descriptor, _ in found],
        rate_limits=[charge for _, charges in found for charge in charges],
        max_dynamic_descriptors=MOST_BUCKETS,
        local_cluster_rate_limit={},
        always_consume_default_token_bucket=False,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        enable_retry_after_header=wait is None,
        response_headers_to_add=[_header(LIMITED_BY, name), *([_header("retry-after", wait)] if wait else [])],
    )


def _header(key: str, value: str) -> Resource:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
