"""When a request is tried again, how soon, and where."""

from modelfleet.gateway.ir import Rule
from modelfleet.gateway.render.chains import is_plain, tries_of
from modelfleet.gateway.render.relay import UNLIMITED
from modelfleet.gateway.render.types import Resource, extension

RETRY_ON = "5xx,reset,connect-failure,retriable-status-codes"
RETRIED_STATUSES = [425, 429]
"""425 is the sink's and the activator's: Envoy tries that again at once, without back-off."""
HOST_ATTEMPTS = 30
"""
Enough for every operator to have its turn: they are chosen in turn, so a second try meets another if there is one.

Replicas of a fleet are chosen by load: only one that failed and has no fewer requests than another is passed over.
"""
PATIENCE = 20
"""A `Retry-After` of more than this many times the longest back-off is the client's to heed."""
BUDGET_FROM = 100
"""So many retries at once are within every budget: it is about storms, not about one replica that goes."""

BUDGET_FROM_HELD = 2000
"""The same where requests are held: all that an activator held, tried again at its end, are no storm."""


def retry_policy(rule: Rule) -> Resource:
    """
    Return the policy of the routes of *rule*: as many tries as it has, each with a limit on how long nothing comes.

    `Retry-After` is waited for where there is no other backend to ask, and only while that is short.
    """
    base, most = rule.retries.base_milliseconds, rule.retries.max_milliseconds
    waiting = {
        "reset_headers": [{"name": "retry-after", "format": "SECONDS"}],
        "max_interval": _seconds(most * PATIENCE),
    }
    previous_hosts = extension(
        "envoy.retry_host_predicates.previous_hosts", "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
    )
    return {
        "retry_on": RETRY_ON,
        "retriable_status_codes": RETRIED_STATUSES,
        "num_retries": tries_of(rule) - 1,
        "per_try_idle_timeout": f"{rule.timeouts.per_try_idle_seconds}s",
        "retry_back_off": {"base_interval": _seconds(base), "max_interval": _seconds(max(base, most))},
        **({"rate_limited_retry_back_off": waiting} if is_plain(rule) else {}),
        "retry_host_predicate": [previous_hosts],
        "host_selection_retry_max_attempts": HOST_ATTEMPTS,
    }


def retry_limits(budget_percent: int, *, holds: bool) -> Resource:
    """
    Return the part of a breaker's thresholds that bounds how many requests are tried again at once.

    *holds* says whether requests to the fleet may be held. Measured with Envoy 1.40: the requests of a composite count
    for its members alone, so that of a composite's budget nothing is in force but the floor.
    """
    percent, always = {"value": budget_percent}, BUDGET_FROM_HELD if holds else BUDGET_FROM
    return {"retry_budget": {"budget_percent": percent, "min_retry_concurrency": always}}


def no_retry_limits() -> Resource:
    """
    Return the same for requests that have somewhere else to go.

    A budget cannot tell a fallback from a retry: with 20 % of them, a fleet that is down would leave most of its
    requests without their fallback. Envoy's default of 3 would nearly all.
    """
    return {"max_retries": UNLIMITED}


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}s"
