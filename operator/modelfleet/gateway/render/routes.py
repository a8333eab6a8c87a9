"""
What requests for a name meet: one RouteConfiguration for each table, and a scope for each of its names.

The rules are the routes, in order. Everything of a table that does not depend on the rule is on its virtual host.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from modelfleet.gateway.ir import BackendKind, Frame, Match, Pool, Priority, RouteTable, Rule, Shed
from modelfleet.gateway.render import affinity, authentication, limits, tokens
from modelfleet.gateway.render.access_log import attribution
from modelfleet.gateway.render.chains import busy_chain, chains, tries_of
from modelfleet.gateway.render.headers import NO_MODEL, PREFIX, START
from modelfleet.gateway.render.matches import route_match
from modelfleet.gateway.render.operator import OPERATOR_API
from modelfleet.gateway.render.relay import FINAL_ANSWER, LOW, NEVER_AGAIN, final_answer
from modelfleet.gateway.render.retries import retry_policy
from modelfleet.gateway.render.specifier import specifier
from modelfleet.gateway.render.types import Resource

UNMATCHED = "unmatched"
TRIES = f"{PREFIX}tries"
"""How many tries a request has; the activator must know which one is the last."""
LISTING_SECONDS = 5


def route_configuration(table: RouteTable, pools: Mapping[str, Pool], frame: Frame, *, gateways: int = 1) -> Resource:
    """Return the RouteConfiguration of *table*; *pools* has its fleets, *gateways* replicas share its limits."""
    routes = [route for rule in table.rules for route in _routes(table, rule, pools)]
    host = {
        **_host(table.name, [*routes, _NO_RULE], frame),
        "include_request_attempt_count": True,
        **tokens.reading(table.access.tokens),
        "request_headers_to_add": attribution(table),
        "typed_per_filter_config": {
            **authentication.access(table.access),
            **limits.per_table(table, gateways=gateways),
        },
    }
    return {"name": table.name, "virtual_hosts": [host]}


def scopes(table: RouteTable) -> dict[str, Resource]:
    """Return the ScopedRouteConfigurations of *table*, one for each name it answers for."""
    return {model: _scope(model, table.name) for model in table.models}


def unmatched(frame: Frame) -> tuple[Resource, Resource]:
    """Return what requests meet that name no model, and its scope: what there is about models the operator tells."""
    listing = {
        "name": f"{UNMATCHED}/models",
        "match": {"path_separated_prefix": "/v1/models"},
        "route": {"cluster": OPERATOR_API, "timeout": f"{LISTING_SECONDS}s"},
    }
    configuration = {"name": UNMATCHED, "virtual_hosts": [_host(UNMATCHED, [listing, _NO_RULE], frame)]}
    return configuration, _scope(NO_MODEL, UNMATCHED)


def _scope(model: str, configuration: str) -> Resource:
    return {
        "name": model,
        "key": {"fragments": [{"string_key": model}]},
        "route_configuration_name": configuration,
    }


def _host(name: str, routes: list[Resource], frame: Frame) -> Resource:
    # Without it Envoy keeps a body for another try only while it fits its socket's buffer.
    return {"name": name, "domains": ["*"], "routes": routes, "request_body_buffer_limit": frame.max_body_bytes}


def _routes(table: RouteTable, rule: Rule, pools: Mapping[str, Pool]) -> Iterator[Resource]:
    for match, is_low in _variants(rule):
        yield {
            "name": f"{table.name}/{rule.name}",
            "match": route_match(match),
            **_action(table, rule, pools, is_low=is_low),
        }


def _variants(rule: Rule) -> list[tuple[Match, bool]]:
    """Return the conditions under which a request counts as of low priority, and under which it does not."""
    match rule.match.priority, rule.shed:
        case _, None:
            return [(rule.match, False)]
        case None, _:
            return [(replace(rule.match, priority=Priority.LOW), True), (rule.match, False)]
        case priority, _:
            return [(rule.match, priority is Priority.LOW)]


def _action(table: RouteTable, rule: Rule, pools: Mapping[str, Pool], *, is_low: bool) -> Resource:
    if not tries_of(rule):
        return {"direct_response": {"status": 503}}
    shared = affinity.affinity_of(rule, pools)
    action = {
        **_target(table, rule, pools, is_low=is_low),
        "priority": "DEFAULT" if is_low else "HIGH",
        "auto_host_rewrite": True,
        "timeout": f"{rule.timeouts.request_seconds or 0}s",
        "idle_timeout": f"{rule.timeouts.idle_seconds}s",
        "retry_policy": retry_policy(rule),
        **({"hash_policy": affinity.hash_policy()} if shared else {}),
    }
    never_again = {"response_headers_to_remove": [NEVER_AGAIN]} if rule.final or rule.shed else {}
    return {
        "route": action,
        "request_headers_to_add": list(_added(rule, pools, is_low=is_low)),
        **never_again,
        **affinity.per_route(shared),
    }


def _target(table: RouteTable, rule: Rule, pools: Mapping[str, Pool], *, is_low: bool) -> Resource:
    begun = chains(table, rule)
    if is_low and rule.shed is Shed.REJECT:
        # What is left of the stages is for requests whose try failed.
        begun = (*begun[:1], (busy_chain(table, rule),))
        return specifier(replace(rule, tries=rule.tries[:1]), begun, pools, is_low=True)
    if len(begun) == 1 and len(begun[0]) == 1:
        return {"cluster": begun[0][0].name}
    return specifier(rule, begun, pools, is_low=is_low)


def _added(rule: Rule, pools: Mapping[str, Pool], *, is_low: bool) -> Iterator[Resource]:
    if any(pools[name].sleep for name in fleets_of_rule(rule)):
        yield _header(START, "%START_TIME(%s%3f)%")
        yield _header(TRIES, str(tries_of(rule)))
    if rule.final:
        yield _header(FINAL_ANSWER, final_answer(rule.final))
    if is_low:
        yield _header(LOW, "1")


def fleets_of(table: RouteTable) -> frozenset[str]:
    """Return the names of the pools that the routes of *table* depend on."""
    return frozenset(name for rule in table.rules for name in fleets_of_rule(rule))


def fleets_of_rule(rule: Rule) -> frozenset[str]:
    """Return the names of the pools that *rule* may send to."""
    backends = (backend for split in rule.tries for backend, _ in split.backends)
    return frozenset(backend.name for backend in backends if backend.kind is BackendKind.FLEET)


def _header(key: str, value: str) -> Resource:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


_NO_RULE: Resource = {"name": "no-rule", "match": {"prefix": "/"}, "direct_response": {"status": 404}}
"""A route of its own, so that also what no rule takes meets the table's access and limits first."""
