"""`spec.rules`: for which requests a rule is, where they go, and what happens when that fails."""

from collections.abc import Sequence
from typing import Annotated

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Bool, Label, ListOf
from modelfleet.api.v1alpha1.route_policy.backends import Backend, Fallback
from modelfleet.api.v1alpha1.route_policy.match import Match
from modelfleet.api.v1alpha1.route_policy.resilience import OutlierDetection, Retries, Sticky, Timeouts

Step = Backend | Fallback


def _equal(one: str, other: str, field: str) -> str:
    """Return the CEL for an optional field that both have alike, or both lack; the API server prices `.?` as unbounded."""
    return f"has({one}.{field}) == has({other}.{field}) && (!has({one}.{field}) || {one}.{field} == {other}.{field})"


def _same(one: str, other: str) -> str:
    """Return the CEL for two steps that lead to one place, as `_place` says it in Python."""
    key = "apiKeySecretRef"
    one_key, other_key = f"{one}.external.{key}", f"{other}.external.{key}"
    keys = f"has({one_key}) == has({other_key}) && (!has({one_key}) || ({one_key}.name == {other_key}.name && {one_key}.key == {other_key}.key))"
    external = f"{one}.external.url == {other}.external.url && {_equal(f'{one}.external', f'{other}.external', 'model')} && {keys}"
    both_external = f"has({one}.external) && has({other}.external) && {external}"
    fleet = f"has({one}.modelDeployment) && has({other}.modelDeployment) && {one}.modelDeployment == {other}.modelDeployment"
    return f"(({fleet}) || ({both_external}))"


def _place(step: Step) -> tuple[str | None, ...]:
    """Return what tells the place a step leads to from others: the fleet, or the provider's URL, model and key."""
    if step.external is None:
        return (step.model_deployment,)
    key = step.external.api_key_secret_ref
    return step.external.url, step.external.model, key.name if key else None, key.key if key else None


def _is_repeated(steps: Sequence[Step]) -> bool:
    return len({_place(step) for step in steps}) < len(steps)


def _is_loop(rule: "RouteRule") -> bool:
    tried = {_place(step) for step in rule.backends}
    further = [step for step in rule.fallback if step.static is None]
    return _is_repeated(further) or any(_place(step) in tried for step in further)


class RouteRule(ApiModel):
    """What happens to one kind of request."""

    validations = (
        Rule(
            cel="self.backends.exists(b, b.weight > 0)",
            holds=lambda r: any(backend.weight for backend in r.backends),
            message="at least one of `backends` must have a `weight` above 0",
            found=fields("name"),
        ),
        Rule(
            cel=f"self.backends.all(b, self.backends.exists_one(other, {_same('b', 'other')}))",
            holds=lambda r: not _is_repeated(r.backends),
            message="`backends` must name each backend once; its share is its `weight`",
            found=fields("name"),
        ),
        Rule(
            cel="!has(self.fallback) || self.fallback.all(f, has(f.static) "
            f"|| (!self.backends.exists(b, {_same('b', 'f')}) && self.fallback.exists_one(g, {_same('g', 'f')})))",
            holds=lambda r: not _is_loop(r),
            message="`fallback` must not repeat a backend of the rule or an earlier fallback: it was tried already",
            found=fields("name"),
        ),
        Rule(
            cel="!has(self.fallback) || self.fallback.size() == 0 || self.fallback.filter(f, has(f.static)).size() == 0 "
            "|| (self.fallback.exists_one(f, has(f.static)) && has(self.fallback[self.fallback.size() - 1].static))",
            holds=lambda r: all(step.static is None for step in r.fallback[:-1]),
            message="`fallback[].static` must be the last: it always answers, so that nothing after it is tried",
            found=fields("name"),
        ),
        Rule(
            cel="!self.keepInCluster || (self.backends.all(b, !has(b.external)) "
            "&& (!has(self.fallback) || self.fallback.all(f, !has(f.external))))",
            holds=lambda r: not r.keep_in_cluster or all(s.external is None for s in (*r.backends, *r.fallback)),
            message="`backends` and `fallback` must have no `external` while `keepInCluster` is true",
            found=fields("name"),
        ),
    )

    name: Label
    """name is the rule's name, in logs, conditions and `modelfleet gateway`."""
    match: Match = Match()
    """match is which requests the rule is for. Absent means all that no earlier rule took."""
    backends: Annotated[tuple[Backend, ...], ListOf(16, at_least=1)]
    """backends are where requests go, shared by weight."""
    sticky: Sticky | None = None
    """sticky keeps requests that belong together on one of the backends. Absent leaves it to their user, and to chance without one."""
    fallback: Annotated[tuple[Fallback, ...], ListOf(8)] = ()
    """fallback is what is tried in order when the backend is down, saturated, resets, or answers with 5xx or 429."""
    keep_in_cluster: Bool = False
    """keepInCluster forbids every external backend in this rule, for requests that must not leave. Defaults to false."""
    retries: Retries = Retries()
    """retries is how often and how fast a request is tried again."""
    timeouts: Timeouts = Timeouts()
    """timeouts is how long a request may take."""
    outlier_detection: OutlierDetection = OutlierDetection()
    """outlierDetection is when a replica that errs is left out for a while."""
