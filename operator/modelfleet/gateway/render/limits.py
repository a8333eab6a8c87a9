"""
Budgets per minute, in buckets that live in Envoy and are shared over the gateway's replicas.

A bucket begins full with a minute's budget and fills evenly. Every replica has its share: Envoy 1.40 keeps the whole
budget in the bucket, and takes what a request costs once for each replica of the cluster `gateway` that lives. Where
the share is less than a request, the replica lets one in and makes up for it afterwards, so that all replicas together
exceed the budget by one request each at most. Only the gateways' number makes that possible; when it changes, buckets
that depend on it begin anew. Buckets belong to the RouteConfiguration they came with: whatever changes
in a table (a weight, another limit) makes all of its buckets new, and full; so does a restart of Envoy. What a client
sends over one connection meets one replica, and therefore that replica's share alone.

Of several limits each takes what the request costs until one refuses, also of those that would have let it in.
"""

from collections.abc import Sequence
from math import ceil

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
TOO_MANY = 10**9
"""Tokens that no bucket of several gateways has, each of which takes as many."""

LIMITED_BY = "x-ratelimit-limited-by"
"""Says with 429 which budget ended: `requests` or `tokens`."""

KEYS = {Per.USER: (REALM, USER), Per.TEAM: (REALM, TEAM), Per.MODEL: (MODEL,)}
"""The headers that together name a bucket."""


def filters() -> list[Resource]:
    """Return the two filters that heed `per_table`, requests first; where a table has no limits they do nothing."""
    return [extension(name, TYPE, stat_prefix=name) for name in (REQUESTS, RESERVED_TOKENS)]


def per_table(table: RouteTable, *, gateways: int = 1) -> Resource:
    """
    Return the `typed_per_filter_config` of a table's virtual host: its limits, and that the table exists.

    *gateways* is how many replicas share the budgets, at least 1.
    """
    by_requests = [limit for limit in table.limits if limit.requests_per_minute is not None]
    by_tokens = [limit for limit in table.limits if limit.reserved_tokens_per_minute is not None]
    found = {**NOT_UNKNOWN}
    if by_requests:
        parts = [_requests(limit, gateways) for limit in by_requests]
        found[REQUESTS] = _limited(REQUESTS, parts, _wait_for_requests(by_requests, gateways))
    if by_tokens:
        parts = [_tokens(limit, gateways) for limit in by_tokens]
        found[RESERVED_TOKENS] = _limited(
            RESERVED_TOKENS,
            parts,
            _wait_for_tokens(by_tokens, gateways),
            says_rest=not any(_may_owe(limit, gateways) for limit in by_tokens),
        )
    return found


def _requests(limit: Limit, gateways: int) -> tuple[Resource, list[Resource]]:
    budget = limit.requests_per_minute or 0
    return _descriptor(limit, _bucket(budget, size=max(budget, gateways))), [{"actions": _actions(limit)}]


def _tokens(limit: Limit, gateways: int) -> tuple[Resource, list[Resource]]:
    """Return the bucket, and the ways to know what a request reserves from it."""
    budget = limit.reserved_tokens_per_minute or 0
    if not _may_owe(limit, gateways):
        return _what(_descriptor(limit, _bucket(budget))), _reservations(limit)
    return _what(_descriptor(limit, _bucket(budget, size=budget * (gateways + 1)))), [
        *_if_nothing_is_owed(limit, gateways),
        *_reservations(limit, most=budget),
    ]


def _may_owe(limit: Limit, gateways: int) -> bool:
    """Whether a replica may take more than its share for one request: always, unless Envoy cannot count so far."""
    return gateways > 1 and (limit.reserved_tokens_per_minute or 0) * (gateways + 1) <= FULL_BUCKET


def _if_nothing_is_owed(limit: Limit, gateways: int) -> list[Resource]:
    """
    Return what refuses a request while the bucket has less than what a request of the whole budget takes, and a token.

    That part of the bucket is what may be owed. Envoy can only take, so it is given back at once; a reservation takes
    once for each gateway, while what is given back counts once.
    """
    taken = (limit.reserved_tokens_per_minute or 0) + 1
    actions = [*_actions(limit), {"generic_key": {"descriptor_key": "what", "descriptor_value": "tokens"}}]
    return [
        {"actions": actions, "hits_addend": {"number": str(taken)}},
        {"actions": actions, "hits_addend": {"number": str(taken * gateways), "is_negative_hits": True}},
    ]


def _reservations(limit: Limit, most: int | None = None) -> list[Resource]:
    """Return the three ways to know what a request reserves; above *most* it is more than any bucket has."""
    default = limit.default_max_tokens
    named, several = f"int(request.headers['{TOKENS}'])", f"int(request.headers['{ANSWERS}']) * {default}"
    rules = (
        ({TOKENS: True}, {"format": f"%REQ({TOKENS})%" if most is None else _at_most(named, most)}),
        (
            {TOKENS: False, ANSWERS: False},
            {"number": str(default if most is None or default <= most else TOO_MANY)},
        ),
        ({TOKENS: False, ANSWERS: True}, {"format": f"%CEL({several})%" if most is None else _at_most(several, most)}),
    )
    return [{"actions": [*_actions(limit), _when(present)], "hits_addend": hits} for present, hits in rules]


def _at_most(tokens: str, most: int) -> str:
    return f"%CEL({tokens} > {most} ? {TOO_MANY} : {tokens})%"


def _what(descriptor: Resource) -> Resource:
    return {**descriptor, "entries": [*descriptor["entries"], {"key": "what", "value": "tokens"}]}


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


def _descriptor(limit: Limit, bucket: Resource) -> Resource:
    entries = [{"key": "per", "value": str(limit.per)}, *({"key": key} for key in KEYS[limit.per])]
    return {"entries": entries, "token_bucket": bucket}


def _bucket(budget: int, size: int | None = None) -> Resource:
    """Return a bucket that fills with *budget* a minute, and holds *size*, by default as much."""
    fill = min(budget, FULL_BUCKET)
    return {"max_tokens": size or fill, "tokens_per_fill": fill, "fill_interval": "60s"}


def _wait_for_requests(limits: Sequence[Limit], gateways: int) -> str:
    """Return how long a replica's share needs for one request: Envoy's own header is about one replica of one."""
    smallest = min(limit.requests_per_minute or 1 for limit in limits)
    return str(ceil(60 * gateways / smallest))


def _wait_for_tokens(limits: Sequence[Limit], gateways: int) -> str:
    """
    Return how long a replica's share needs for what the request reserves; as for the whole budget where it is more.

    Envoy itself would say when the bucket holds one token more, which is not enough for most requests.
    """
    smallest = min(limits, key=lambda limit: limit.reserved_tokens_per_minute or 0)
    budget, default = smallest.reserved_tokens_per_minute, smallest.default_max_tokens
    reserved = f"('{TOKENS}' in request.headers ? int(request.headers['{TOKENS}']) : {default})"
    minute = 60 * gateways
    return f"%CEL({reserved} >= {budget} ? {minute} : 1 + {reserved} * {minute} / {budget})%"


def _limited(
    name: str, found: Sequence[tuple[Resource, list[Resource]]], wait: str, *, says_rest: bool = True
) -> Resource:
    """Return a table's buckets of one kind; with *says_rest* clients are told what is left, which must be no debt."""
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
        enable_x_ratelimit_headers="DRAFT_VERSION_03" if says_rest else "OFF",
        response_headers_to_add=[_header(LIMITED_BY, name), _header("retry-after", wait)],
    )


def _header(key: str, value: str) -> Resource:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
