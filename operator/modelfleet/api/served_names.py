"""
Which fleet or policy a name belongs to; the operator and the gateway ask the same function.

`<namespace>/<name>` always means that fleet. A bare name, of a model, an adapter or a RoutePolicy, belongs to the
namespace it is granted to; else to the object that has it already; else to the older; else to the first by namespace
and name. Inside its namespace a policy refines the name of a fleet: both have it, and the policy says what it means.
"""

import fnmatch
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claim:
    """The names that one fleet wants to be called, or that one RoutePolicy wants to answer for."""

    namespace: str
    name: str
    names: frozenset[str]
    created: datetime = LONG_AGO
    held: frozenset[str] = frozenset()
    """held are the names it had when it was last looked at, as its status says."""
    is_policy: bool = False

    @property
    def fleet(self) -> str:
        """Return `<namespace>/<name>`."""
        return f"{self.namespace}/{self.name}"

    @property
    def owner(self) -> str:
        """Return what messages call it."""
        return f"RoutePolicy {self.fleet}" if self.is_policy else self.fleet


@dataclass(frozen=True, slots=True)
class Verdict:
    """The names a claim has, and for each it lost, the fleet, policy or namespace that has it."""

    accepted: frozenset[str]
    lost: Mapping[str, str] = field(default_factory=dict)


def claim_of(fleet: ModelDeployment) -> Claim:
    """Return what *fleet* claims."""
    return Claim(
        namespace=fleet.metadata.namespace,
        name=fleet.metadata.name,
        names=frozenset([*fleet.served_names, *(adapter.name for adapter in fleet.spec.model.adapters)]),
        created=fleet.metadata.creation_timestamp or LONG_AGO,
        held=frozenset(fleet.status.served_names),
    )


def judge(claim: Claim, claims: Iterable[Claim], grants: Mapping[str, str] | None = None) -> Verdict:
    """
    Return which names of *claim* are its own, among *claims* of all that share one, itself included or not.

    A fleet whose `<namespace>/<name>` somebody else claims counts among those that share one.

    *grants* maps patterns of names, such as `gpt-*`, to the namespace that alone may have them. The name itself counts
    before patterns, and longer patterns before shorter ones: a map has no order once it went through Helm.
    """
    rivals = {other.owner: other for other in claims} | {claim.owner: claim}
    owners = {name: _owner(name, claim, rivals.values(), grants or {}) for name in claim.names}
    lost = {name: owner for name, owner in sorted(owners.items()) if owner != claim.owner}
    return Verdict(claim.names - lost.keys(), lost)


def names_finding(verdict: Verdict) -> Finding:
    """Return the `NamesAccepted` condition."""
    if not verdict.lost:
        return Finding(ConditionType.NAMES_ACCEPTED, "True", Reason.ACCEPTED, "Every served name is this fleet's own.")
    lost = ", ".join(f'"{name}" belongs to {owner}' for name, owner in verdict.lost.items())
    message = f"{lost}. Choose other `model.servedNames`; `<namespace>/<name>` always means this fleet."
    return Finding(ConditionType.NAMES_ACCEPTED, "False", Reason.CONFLICT, message)


def _owner(name: str, claim: Claim, claims: Collection[Claim], grants: Mapping[str, str]) -> str:
    if any(other.fleet == name and not other.is_policy for other in claims):
        return name
    granted = _granted(name, grants)
    candidates = [other for other in claims if name in other.names and granted in (None, other.namespace)]
    if not candidates:
        return f'namespace "{granted}"'
    namespace = _first(name, candidates).namespace
    inside = [other for other in candidates if other.namespace == namespace]
    if claim.namespace == namespace:  # in its own namespace a fleet has no policies for rivals, nor a policy fleets
        return _first(name, [other for other in inside if other.is_policy == claim.is_policy]).owner
    return _first(name, [other for other in inside if other.is_policy] or inside).owner


def _granted(name: str, grants: Mapping[str, str]) -> str | None:
    """Return the namespace that alone may have *name*; None where it is free."""
    if name in grants:
        return grants[name]
    matching = [pattern for pattern in grants if fnmatch.fnmatchcase(name, pattern)]
    return grants[max(matching, key=lambda pattern: (len(pattern), pattern))] if matching else None


def _first(name: str, candidates: Iterable[Claim]) -> Claim:
    def seniority(claim: Claim) -> tuple[bool, datetime, str, str, bool]:
        return name not in claim.held, claim.created, claim.namespace, claim.name, claim.is_policy

    return min(candidates, key=seniority)
