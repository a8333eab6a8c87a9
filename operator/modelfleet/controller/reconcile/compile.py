"""Compile and decide: a snapshot → what shall be, and what is written now. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.names import TENSOR_PARALLEL_ANNOTATION, TENSOR_PARALLEL_INPUTS_ANNOTATION
from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.reconcile.gather import Snapshot
from modelfleet.controller.watched import CHILDREN
from modelfleet.workload.children.compile import children
from modelfleet.workload.plan import KeptSize, Plan, Refusal, Setting, plan

RESOURCES = {resource.kind: resource for resource in CHILDREN}


@dataclass(frozen=True, slots=True)
class Desired:
    """What a fleet's spec asks for; no plan and no children where it is refused."""

    plan: Plan | None
    children: tuple[tuple[Resource, Json], ...]
    accepted: Finding
    fits: Finding | None


def compile_fleet(snapshot: Snapshot, setting: Setting) -> Desired:
    """Return what shall be; a refused fleet asks for nothing, and what runs stays as it is."""
    if snapshot.fleet is None:
        return _nothing(Refusal(Finding(ConditionType.ACCEPTED, "False", Reason.INVALID_SPEC, snapshot.invalid)))
    cache = snapshot.policy.spec.engine if snapshot.policy else None
    planned = plan(snapshot.fleet, cache, setting, kept=_kept(snapshot.deployment))
    if isinstance(planned, Refusal):
        return _nothing(planned)
    wanted = tuple((RESOURCES[child["kind"]], child) for child in children(planned))
    return Desired(planned, wanted, _accepted(planned), planned.sized.finding)


def _nothing(refusal: Refusal) -> Desired:
    return Desired(None, (), refusal.accepted, refusal.fits)


def _accepted(planned: Plan) -> Finding:
    model = planned.fleet.spec.model
    if model.source.startswith("hf://") and model.revision is None:
        message = "Accepted. `model.revision` is not set: the weights may change under a running fleet."
        return Finding(ConditionType.ACCEPTED, "True", Reason.REVISION_NOT_PINNED, message)
    return Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED, "The spec is valid.")


def _kept(deployment: Mapping[str, Any] | None) -> KeptSize | None:
    annotations = ((deployment or {}).get("metadata") or {}).get("annotations") or {}
    size, inputs = annotations.get(TENSOR_PARALLEL_ANNOTATION, ""), annotations.get(TENSOR_PARALLEL_INPUTS_ANNOTATION)
    return KeptSize(int(size), inputs) if size.isdecimal() and int(size) and inputs else None
