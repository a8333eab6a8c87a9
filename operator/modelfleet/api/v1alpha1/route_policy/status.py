"""`status` of a RoutePolicy: what is, written by the operator only."""

from typing import Annotated

from modelfleet.api.conditions import Condition, ConditionType, pending
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.types import Int, ListOf


class RuleStatus(ApiModel):
    """Where the requests of a rule go."""

    name: str
    """name is the rule's name."""
    backends: Annotated[tuple[str, ...], ListOf(32)] = ()
    """backends are what the rule's backends and fallbacks resolve to, in order."""


class RoutePolicyStatus(ApiModel):
    """What is observed of a policy."""

    observed_generation: Int | None = None
    """observedGeneration is the generation of the spec this status is about."""
    conditions: Annotated[tuple[Condition, ...], ListOf(16, keys=("type",))] = (pending(ConditionType.READY),)
    """conditions say what holds, and why."""
    models: Annotated[tuple[str, ...], ListOf(64)] = ()
    """models are the names that belong to the policy; a name stays with the policy that has it."""
    rules: Annotated[tuple[RuleStatus, ...], ListOf(32, keys=("name",))] = ()
    """rules say where requests go."""
