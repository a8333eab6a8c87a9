"""`RoutePolicy`: what a requested model name means at the gateway."""

from typing import Annotated, Literal

from modelfleet.api.names import API_VERSION
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.patterns import matches
from modelfleet.api.schema.rules import Checked, Rule
from modelfleet.api.schema.types import ListOf
from modelfleet.api.v1alpha1.metadata import NAME_RULE, ObjectMeta
from modelfleet.api.v1alpha1.model_deployment.model import ServedName
from modelfleet.api.v1alpha1.route_policy.attribution import Attribution
from modelfleet.api.v1alpha1.route_policy.auth import Auth
from modelfleet.api.v1alpha1.route_policy.limits import Limit, Shedding
from modelfleet.api.v1alpha1.route_policy.rule import RouteRule
from modelfleet.api.v1alpha1.route_policy.status import RoutePolicyStatus

CANONICAL_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z]([-a-z0-9]*[a-z0-9])?$"

NOT_CANONICAL = Rule(
    cel=f"!self.matches('{CANONICAL_NAME}')",
    holds=lambda name: not matches(CANONICAL_NAME, name),
    message="must not look like <namespace>/<name>, which always means that ModelDeployment",
)
FALLBACK_EXISTS = Rule(
    cel="!has(self.shedding) || self.shedding.lowPriority.action != 'Fallback' "
    "|| self.rules.exists(r, has(r.fallback) && r.fallback.size() > 0)",
    holds=lambda spec: (
        spec.shedding is None
        or spec.shedding.low_priority.action != "Fallback"
        or any(rule.fallback for rule in spec.rules)
    ),
    message="`shedding.lowPriority.action` must be Reject while no rule has a `fallback`",
)


class RoutePolicySpec(ApiModel):
    """Which names, for whom, where they lead, and how much is let through."""

    validations = (FALLBACK_EXISTS,)

    models: Annotated[tuple[Annotated[ServedName, Checked((NOT_CANONICAL,))], ...], ListOf(64, as_set=True, at_least=1)]
    """models are the values of `model` in requests that the policy answers for: names of its own, or served names of fleets in its namespace."""
    auth: Auth | None = None
    """auth is who may ask. Absent means every key of the policy's namespace, or anybody where the platform asks for no credentials."""
    rules: Annotated[tuple[RouteRule, ...], ListOf(32, keys=("name",), at_least=1)]
    """rules are where requests go; the first whose `match` holds decides. A request that none takes gets 404."""
    limits: Annotated[tuple[Limit, ...], ListOf(3, keys=("per",))] = ()
    """limits are budgets per minute."""
    shedding: Shedding | None = None
    """shedding is who gives way when fleets are nearly full. Absent treats all priorities alike."""
    attribution: Attribution | None = None
    """attribution names headers whose values go into logs and traces."""


class RoutePolicy(ApiModel):
    """RoutePolicy says what a requested model name means at the gateway: who may ask, which backends answer, and how much."""

    validations = (NAME_RULE,)

    api_version: Literal["modelfleet.dev/v1alpha1"] = API_VERSION
    kind: Literal["RoutePolicy"] = "RoutePolicy"
    metadata: ObjectMeta
    spec: RoutePolicySpec
    """spec is what the names are meant to mean."""
    status: RoutePolicyStatus = RoutePolicyStatus()
    """status is what is observed."""
