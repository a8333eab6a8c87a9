"""
Who sets the size of a fleet's Deployment, and what the operator does about it.

`spec.replicas` of the Deployment belongs to our scale manager, written through the scale subresource and nowhere else.
A Deployment that is new, or whose hand-over was cut short, is still owned by the manager of the children. Any other
owner is a foreign scaler: it is left alone until the user changes the size of the fleet itself, since two scalers that
correct each other would start and stop accelerators for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.names import FIELD_MANAGER, SCALE_MANAGER

Deployment = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scaling:
    """The size a fleet shall have, and whether it must be written: *replicas* is None where it stays."""

    desired: int
    replicas: int | None
    finding: Finding


def scaling(deployment: Deployment | None, *, desired: int, previously_desired: int | None, suspended: bool) -> Scaling:
    """
    Return whether `/scale` must be written.

    *previously_desired* is the size of the last status: where it differs from *desired*, the user has spoken since.
    """
    if suspended:
        return Scaling(desired, None, _owned(Reason.SUSPENDED, "The size is left alone while `suspend` is true."))
    owners = owners_of_replicas(deployment) if deployment else frozenset()
    live = deployment["spec"].get("replicas", 1) if deployment else None
    foreign = owners - {SCALE_MANAGER, FIELD_MANAGER}
    user_spoke = previously_desired not in (None, desired)
    if foreign and live != desired and not user_spoke:
        return Scaling(desired, None, _foreign(sorted(foreign), live, desired))
    # A foreign manager that set the same size owns it beside ours for ever: applying again would not end that.
    is_settled = SCALE_MANAGER in owners and live == desired
    finding = _owned(Reason.OWNED, f"The size is {desired}, as the spec says.")
    return Scaling(desired, None if is_settled else desired, finding)


def owners_of_replicas(deployment: Deployment) -> frozenset[str]:
    """Return the field managers that own `spec.replicas`."""
    entries = deployment["metadata"].get("managedFields") or ()
    return frozenset(
        str(entry["manager"])
        for entry in entries
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    )


def is_handed_over(deployment: Deployment) -> bool:
    """Return whether `replicas` can be left out of an apply without falling back to 1."""
    return SCALE_MANAGER in owners_of_replicas(deployment)


def _owned(reason: Reason, message: str) -> Finding:
    return Finding(ConditionType.ABLE_TO_SCALE, "True", reason, message)


def _foreign(owners: list[str], live: int | None, desired: int) -> Finding:
    message = (
        f"{', '.join(owners)} set the Deployment to {live} replicas, the spec says {desired}: remove that scaler, "
        "then change the size with `kubectl scale mdep` to take it back."
    )
    return Finding(ConditionType.ABLE_TO_SCALE, "False", Reason.FOREIGN_SCALER, message)
