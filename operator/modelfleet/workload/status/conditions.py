"""
What is observed of a fleet → its conditions.

`Ready` is the summary: accepted, the current template serves, and at least one replica is ready or none is wanted.
`Reconciling` and `Stalled` say the same to tools that know only kstatus: wait, or look.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from modelfleet.api.conditions import ConditionType, Finding, Reason, Status
from modelfleet.api.served_names import Verdict, names_finding
from modelfleet.api.v1alpha1.model_deployment.rollout import ZERO
from modelfleet.workload.status.observed import Observed

LOADING = (Reason.LOADING, "Replicas load their weights.")


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything about a fleet that was decided before its status is written."""

    accepted: Finding
    names: Verdict
    fits: Finding | None
    scale: Finding
    desired: int
    suspended: bool
    update_pending: str | None = None
    """What a new operator or catalogue would change, while that waits."""


def conditions(judgement: Judgement, observed: Observed) -> tuple[Finding, ...]:
    """Return the findings of all condition types, the summary first."""
    progressing = _progressing(judgement, observed)
    ready = _ready(judgement, observed, progressing)
    return (
        ready,
        judgement.accepted,
        names_finding(judgement.names),
        *([judgement.fits] if judgement.fits else []),
        _available(judgement, observed),
        progressing,
        judgement.scale,
        *_kstatus(judgement, observed, progressing),
    )


def _available(judgement: Judgement, observed: Observed) -> Finding:
    if observed.ready:
        message = f"{observed.ready} of {len(observed.live)} replicas are ready."
        return Finding(ConditionType.AVAILABLE, "True", Reason.SERVING, message)
    if not observed.replicas and not _is_coming(judgement, observed):
        return Finding(ConditionType.AVAILABLE, "False", Reason.NO_REPLICAS, "The fleet has no replicas.")
    reason, message = _obstacle(observed) or LOADING
    return Finding(ConditionType.AVAILABLE, "False", reason, message)


def _ready(judgement: Judgement, observed: Observed, progressing: Finding) -> Finding:
    def ready(status: Status, reason: Reason, message: str) -> Finding:
        return Finding(ConditionType.READY, status, reason, message)

    if judgement.accepted.status == "False":
        return ready("False", judgement.accepted.reason, judgement.accepted.message)
    if observed.is_current and judgement.desired == observed.replicas == 0:
        return ready("True", Reason.ASLEEP, "The fleet has no replicas, as its size says.")
    if observed.is_current and observed.ready:
        return ready("True", Reason.SERVING, f"{observed.ready} of {len(observed.live)} replicas are ready.")
    rolling = (progressing.reason, progressing.message) if observed.ready else None
    return ready("False", *(_obstacle(observed) or rolling or _absence(judgement, observed) or LOADING))


def _progressing(judgement: Judgement, observed: Observed) -> Finding:
    def progressing(status: Status, reason: Reason, message: str) -> Finding:
        is_told = judgement.update_pending is None or reason is Reason.OPERATOR_UPDATE_PENDING
        text = message if is_told else f"{message.removesuffix('.')}. {judgement.update_pending}"
        return Finding(ConditionType.PROGRESSING, status, reason, text)

    if judgement.suspended:
        return progressing("False", Reason.SUSPENDED, "`suspend` is true: nothing is changed or scaled.")
    if judgement.accepted.status == "False":
        return progressing("False", judgement.accepted.reason, "What runs stays as it was until the spec is accepted.")
    if held_up := _obstacle(observed):
        return progressing("True", *held_up)
    if not observed.is_current:
        return progressing("True", Reason.ROLLING_OUT, "Pods are being replaced by ones of the current template.")
    awaited = judgement.desired if judgement.scale.status == "True" else observed.replicas
    if observed.ready < awaited:
        return progressing("True", Reason.LOADING, f"{observed.ready} of {awaited} replicas are ready.")
    return progressing(*_arrival(judgement, observed))


def _arrival(judgement: Judgement, observed: Observed) -> tuple[Status, Reason, str]:
    """Return what is said of the progress of a fleet for which nothing is left to do."""
    if absence := _absence(judgement, observed):
        return "False", *absence
    if judgement.update_pending:
        return "True", Reason.OPERATOR_UPDATE_PENDING, judgement.update_pending
    but = "" if judgement.scale.status == "True" else ", except for its size"
    return "True", Reason.STABLE, f"The fleet is as its spec says{but}."


def _obstacle(observed: Observed) -> tuple[Reason, str] | None:
    """Return what keeps replicas from serving, as a reason and a message."""
    if observed.failure:
        return observed.failure.reason, f"{observed.failure.message}{_spare(observed)}"
    refused = observed.deployment_condition("ReplicaFailure")
    if refused and refused["status"] == "True":
        message = str(refused.get("message", ""))
        reason = Reason.QUOTA_EXCEEDED if "exceeded quota" in message else Reason.CHILD_REFUSED
        return reason, f"Pods cannot be created: {message}"
    return None


def _spare(observed: Observed) -> str:
    """Return what to do about a successor that finds no accelerator because its predecessor has it."""
    spec = (observed.deployment or {}).get("spec") or {}
    keeps_all = ((spec.get("strategy") or {}).get("rollingUpdate") or {}).get("maxUnavailable") in ZERO
    waits = observed.failure is not None and observed.failure.reason is Reason.UNSCHEDULABLE
    if not (waits and keeps_all and observed.ready and not observed.is_current):
        return ""
    return " Old pods keep their accelerators until it is ready: free some, or set `rollout.maxUnavailable` to 1."


def _is_coming(judgement: Judgement, observed: Observed) -> bool:
    """Return whether replicas that are not there yet were asked for."""
    is_wanted = judgement.desired > 0 and judgement.accepted.status == "True"
    return is_wanted and _absence(judgement, observed) is None


def _absence(judgement: Judgement, observed: Observed) -> tuple[Reason, str] | None:
    """Return why there are no replicas that could load, where that will not pass by itself."""
    if observed.replicas:
        return None
    if judgement.suspended:
        return Reason.SUSPENDED, "`suspend` is true, and the fleet has no replicas."
    return None if judgement.scale.status == "True" else (judgement.scale.reason, judgement.scale.message)


def _kstatus(judgement: Judgement, observed: Observed, progressing: Finding) -> Iterator[Finding]:
    deadline = observed.deployment_condition("Progressing")
    is_settled = progressing.reason in (Reason.STABLE, Reason.SUSPENDED, Reason.OPERATOR_UPDATE_PENDING)
    gave_up = bool(deadline and deadline["status"] == "False") and not is_settled
    is_stalled = judgement.accepted.status == "False" or gave_up or progressing.reason is Reason.FOREIGN_SCALER
    for kind, holds in (
        (ConditionType.RECONCILING, not is_settled and not is_stalled),
        (ConditionType.STALLED, is_stalled),
    ):
        source = judgement.accepted if judgement.accepted.status == "False" else progressing
        yield Finding(kind, "True" if holds else "False", source.reason, source.message if holds else "")
