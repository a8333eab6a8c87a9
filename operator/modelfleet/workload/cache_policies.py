"""Which CachePolicy is in force for a fleet, and what each policy is told about it."""

from collections.abc import Collection, Iterable

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.v1alpha1.cache_policy import CachePolicy


def in_force(policies: Iterable[CachePolicy], fleet: str) -> CachePolicy | None:
    """Return the policy for *fleet*: the oldest that targets it, then the first by name; None where none does."""
    return min((policy for policy in policies if targets(policy, fleet)), key=_seniority, default=None)


def targets(policy: CachePolicy, fleet: str) -> bool:
    """Return whether *policy* names *fleet*."""
    return any(ref.name == fleet for ref in policy.spec.target_refs)


def findings(policy: CachePolicy, others: Iterable[CachePolicy], fleets: Collection[str]) -> tuple[Finding, ...]:
    """Return the conditions of *policy*; *others* are the policies and *fleets* the fleets of its namespace."""
    return _summarized(_accepted(policy, [*others, policy]), _resolved(policy, fleets))


def findings_of_unreadable(problem: str) -> tuple[Finding, ...]:
    """Return the conditions of a policy that cannot be read, because of *problem*."""
    return _summarized(Finding(ConditionType.ACCEPTED, "False", Reason.INVALID_SPEC, problem))


def _summarized(*found: Finding) -> tuple[Finding, ...]:
    """Return *found* with the summary before it and what kstatus reads after it."""
    worse = next((finding for finding in found if finding.status == "False"), found[0])
    ready = Finding(ConditionType.READY, worse.status, worse.reason, worse.message)
    stalled = Finding(ConditionType.STALLED, "False" if worse.status == "True" else "True", worse.reason)
    settled = Finding(ConditionType.RECONCILING, "False", Reason.STABLE)
    return ready, *found, settled, stalled


def _accepted(policy: CachePolicy, policies: list[CachePolicy]) -> Finding:
    winners = {ref.name: in_force(policies, ref.name) for ref in policy.spec.target_refs}
    lost = [
        f'"{fleet}" has the older policy "{winner.metadata.name}"'
        for fleet, winner in winners.items()
        if winner is not None and winner.metadata.name != policy.metadata.name
    ]
    if not lost:
        return Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED, "The policy is in force for all its targets.")
    message = f"`targetRefs` must not name a fleet that has a policy: {', '.join(lost)}. Remove it from one of them."
    return Finding(ConditionType.ACCEPTED, "False", Reason.CONFLICT, message)


def _resolved(policy: CachePolicy, fleets: Collection[str]) -> Finding:
    missing = [f'"{ref.name}"' for ref in policy.spec.target_refs if ref.name not in fleets]
    if not missing:
        return Finding(ConditionType.RESOLVED_REFS, "True", Reason.ACCEPTED, "All targets exist.")
    message = f"`targetRefs` must name ModelDeployments in this namespace, found none called {', '.join(missing)}."
    return Finding(ConditionType.RESOLVED_REFS, "False", Reason.TARGET_NOT_FOUND, message)


def _seniority(policy: CachePolicy) -> tuple[str, str]:
    created = policy.metadata.creation_timestamp
    return created.isoformat() if created else "", policy.metadata.name
