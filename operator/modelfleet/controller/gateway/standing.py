"""What a RoutePolicy is told: what was made of it, and whether the gateways work by it."""

from collections.abc import Iterable

from modelfleet.api.conditions import Condition, ConditionType, Finding, Reason
from modelfleet.controller.gateway.reach import Spread
from modelfleet.controller.reconcile.route_policies import PolicyStanding
from modelfleet.gateway.lower.policies import LoweredPolicy, findings_of_unreadable
from modelfleet.gateway.lower.problem import summarized

NO_GATEWAY = Finding(
    ConditionType.PROGRAMMED,
    "Unknown",
    Reason.NO_GATEWAY,
    "No gateway is connected to the operator: set the chart's value `gateway.enabled`, or look at the gateway's pods.",
)
LISTED_GATEWAYS = 3


class NoGateway:
    """Stands in where the platform has no gateway: policies are told so."""

    def standing(self, namespace: str, name: str, *, before: Iterable[Condition], generation: int) -> PolicyStanding:
        """Return what every policy is told."""
        del namespace, name, before, generation
        return PolicyStanding(summarized(NO_GATEWAY))


def of_policy(
    lowered: LoweredPolicy, spread: Spread | None, *, before: Iterable[Condition], generation: int
) -> PolicyStanding:
    """Return what is told about a policy that was compiled and put; *spread* is None of one without a table."""
    found = programmed(lowered, spread, before=before, generation=generation)
    is_settled = spread is None or not spread.connected or found.status == "True"
    models = lowered.table.models if lowered.table else ()
    return PolicyStanding(summarized(*lowered.findings, found), models, lowered.rules, is_settled=is_settled)


def of_unreadable(problem: str, lowered: LoweredPolicy | None) -> PolicyStanding:
    """Return what is told about a policy that cannot be read; *lowered* is what its last good version made."""
    models = lowered.table.models if lowered and lowered.table else ()
    return PolicyStanding(summarized(*findings_of_unreadable(problem)), models, lowered.rules if lowered else ())


def programmed(
    lowered: LoweredPolicy, spread: Spread | None, *, before: Iterable[Condition], generation: int
) -> Finding:
    """
    Return whether every connected gateway has acknowledged what was made of a policy.

    Once that was seen for a generation it stays so while gateways come and go: those that come get it before they are
    ready.
    """
    if lowered.table is None:
        message = "There is nothing to program: all names of the policy belong to others."
        return Finding(ConditionType.PROGRAMMED, "False", Reason.CONFLICT, message)
    if spread is None or not (spread.connected or _was_programmed(before, generation)):
        return NO_GATEWAY
    if spread.refused:
        message = f"Envoy refused what was made of the policy, and goes on with the last it took: {spread.refused}"
        return Finding(ConditionType.PROGRAMMED, "False", Reason.REJECTED_BY_GATEWAY, message)
    if spread.is_everywhere or _was_programmed(before, generation):
        return Finding(ConditionType.PROGRAMMED, "True", Reason.PROGRAMMED, "Every gateway works by this policy.")
    shown = ", ".join(spread.lacking[:LISTED_GATEWAYS])
    message = f"{len(spread.lacking)} of {spread.connected} have not acknowledged the latest change yet: {shown}."
    return Finding(ConditionType.PROGRAMMED, "Unknown", Reason.NOT_ACKNOWLEDGED, message)


def _was_programmed(before: Iterable[Condition], generation: int) -> bool:
    return any(
        each.type == ConditionType.PROGRAMMED and each.status == "True" and each.observed_generation == generation
        for each in before
    )
