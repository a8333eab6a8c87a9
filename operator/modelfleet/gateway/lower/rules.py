"""A policy's rule → which requests it takes, and where each of their tries goes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from modelfleet.api.conditions import ConditionType, Reason
from modelfleet.api.v1alpha1.route_policy.backends import Backend, Fallback, Static
from modelfleet.api.v1alpha1.route_policy.match import HeaderMatch as HeaderCondition
from modelfleet.api.v1alpha1.route_policy.match import Match as Conditions
from modelfleet.api.v1alpha1.route_policy.rule import RouteRule
from modelfleet.gateway import ir
from modelfleet.gateway.lower.backends import Neighbours, Target, external_target, fleet_target
from modelfleet.gateway.lower.problem import Problem

TRIES_WHILE_WAKING = 4
"""A request that is held needs four tries at its fleet: the hold, two more when an update replaces both activators one
after the other, and the model."""
HOLD_MARGIN_SECONDS = 5
"""Idle timeouts must not end a hold. Measured with Envoy 1.40: they cannot tell a hold from a hang."""
NO_BACKEND = "No backend of this model can take requests now."


@dataclass(frozen=True, slots=True)
class LoweredRule:
    """A rule in the gateway's form, the providers it sends to, and what was left out of it."""

    rule: ir.Rule
    resolved: tuple[str, ...]
    """resolved are the backends and fallbacks that are left, as people call them, in order."""
    providers: tuple[ir.Provider, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands in its policy, and the names that the policy answers for."""

    field: str
    names: Collection[str]
    neighbours: Neighbours


def lower_rule(rule: RouteRule, place: Place, shed: ir.Shed | None) -> LoweredRule:
    """
    Return *rule* with every backend that can be used.

    A backend that cannot is left out with a problem, and the others share its part; with none left requests go to the
    fallbacks, and with no fallback left they get 503. They never go to a backend that the policy does not name.
    """
    problems: list[Problem] = []
    shared = [*_backends(rule, place, problems)]
    after = [*_fallbacks(rule, place, problems)]
    final = next((_static(step.static) for step in rule.fallback if step.static), None)
    tries = tuple(_tries(rule, shared, after))
    targets = [*(target for target, _ in shared), *after]
    lowered = ir.Rule(
        name=rule.name,
        tries=tries,
        match=match_of(rule.match),
        final=final or (None if tries else ir.StaticAnswer(503, NO_BACKEND)),
        retries=retries_of(rule),
        timeouts=patient(timeouts_of(rule), targets),
        shed=shed,
    )
    providers = tuple(target.provider for target in targets if target.provider)
    resolved = (*(target.title for target in targets), *([f"static {final.status}"] if final else []))
    return LoweredRule(lowered, tuple(dict.fromkeys(resolved)), providers, tuple(problems))


def split_tries(split: ir.Split, targets: Sequence[Target], attempts: int) -> Iterator[ir.Split]:
    """Yield *split* as often as it is tried, which is more often where requests may be held."""
    is_held = any(target.holds_seconds is not None for target in targets)
    for _ in range(max(attempts, TRIES_WHILE_WAKING) if is_held else attempts):
        yield split


def patient(timeouts: ir.Timeouts, targets: Sequence[Target]) -> ir.Timeouts:
    """Return *timeouts*, longer where a hold at one of *targets* would run into them."""
    longest = max((target.holds_seconds + HOLD_MARGIN_SECONDS for target in targets if target.holds_seconds), default=0)
    return ir.Timeouts(
        idle_seconds=max(timeouts.idle_seconds, longest),
        per_try_idle_seconds=max(timeouts.per_try_idle_seconds, longest),
        request_seconds=timeouts.request_seconds,
    )


def match_of(match: Conditions) -> ir.Match:
    """Return the conditions of a rule."""
    return ir.Match(
        headers=tuple(map(_header, match.headers)),
        body_bytes_at_most=match.prompt_bytes_at_most,
        teams=match.teams,
        users=match.users,
        priority=ir.Priority(match.priority) if match.priority else None,
    )


def timeouts_of(rule: RouteRule) -> ir.Timeouts:
    """Return how long the requests of *rule* may take."""
    timeouts = rule.timeouts
    return ir.Timeouts(timeouts.idle_seconds, timeouts.per_try_idle_seconds, timeouts.request_seconds)


def retries_of(rule: RouteRule) -> ir.Retries:
    """Return how fast the requests of *rule* are tried again."""
    retries = rule.retries
    return ir.Retries(retries.backoff_milliseconds, retries.max_backoff_milliseconds)


def _tries(rule: RouteRule, shared: list[tuple[Target, int]], after: list[Target]) -> Iterator[ir.Split]:
    if shared:
        sticky = rule.sticky.header if rule.sticky else None
        split = ir.Split(tuple((target.backend, weight) for target, weight in shared), sticky)
        yield from split_tries(split, [target for target, _ in shared], rule.retries.attempts)
    for target in after:
        yield from split_tries(ir.Split(((target.backend, 1),)), [target], 1)


def _backends(rule: RouteRule, place: Place, problems: list[Problem]) -> Iterator[tuple[Target, int]]:
    for index, backend in enumerate(rule.backends):
        if (target := _target(rule, backend, f"{place.field}.backends[{index}]", place, problems)) and backend.weight:
            yield target, backend.weight


def _fallbacks(rule: RouteRule, place: Place, problems: list[Problem]) -> Iterator[Target]:
    for index, step in enumerate(rule.fallback):
        if target := _target(rule, step, f"{place.field}.fallback[{index}]", place, problems):
            yield target


def _target(
    rule: RouteRule, step: Backend | Fallback, field: str, place: Place, problems: list[Problem]
) -> Target | None:
    if step.model_deployment is not None:
        found = fleet_target(step.model_deployment, place.names, place.neighbours, field=f"{field}.modelDeployment")
    elif step.external is None:
        return None
    elif rule.keep_in_cluster:
        message = f"`{field}.external` must be absent while `keepInCluster` is true."
        found = Problem(ConditionType.ACCEPTED, Reason.KEEP_IN_CLUSTER, message)
    else:
        found = external_target(step.external, place.neighbours, field=f"{field}.external")
    if isinstance(found, Problem):
        problems.append(found)
        return None
    return found


def _static(static: Static) -> ir.StaticAnswer:
    return ir.StaticAnswer(static.status, static.message, static.retry_after_seconds)


def _header(condition: HeaderCondition) -> ir.HeaderMatch:
    if condition.exact is not None:
        return ir.HeaderMatch(condition.name, ir.HeaderTest.EXACT, condition.exact)
    if condition.prefix is not None:
        return ir.HeaderMatch(condition.name, ir.HeaderTest.PREFIX, condition.prefix)
    if condition.regex is not None:
        return ir.HeaderMatch(condition.name, ir.HeaderTest.REGEX, condition.regex)
    return ir.HeaderMatch(condition.name, ir.HeaderTest.PRESENT if condition.present else ir.HeaderTest.ABSENT)
