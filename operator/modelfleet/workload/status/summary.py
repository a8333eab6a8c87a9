"""The status of a fleet: written once per reconcile, and only when it changed."""

from datetime import datetime
from typing import Any

from modelfleet.api.conditions import merged
from modelfleet.api.names import FLEET_LABEL
from modelfleet.api.v1alpha1.metadata import ObjectMeta
from modelfleet.api.v1alpha1.model_deployment import CostStatus, FitStatus, ModelDeploymentStatus
from modelfleet.workload.children.service import endpoint
from modelfleet.workload.plan import Plan
from modelfleet.workload.sizing import Sized
from modelfleet.workload.status.conditions import Judgement, conditions
from modelfleet.workload.status.observed import Observed


def status(
    fleet: ObjectMeta,
    before: ModelDeploymentStatus,
    judgement: Judgement,
    observed: Observed,
    *,
    plan: Plan | None,
    now: datetime,
) -> dict[str, Any]:
    """
    Return the status object as the API server stores it; *before* is the one it replaces.

    Where the spec was refused (*plan* is None), what is known of the running fleet stays.
    """
    findings = conditions(judgement, observed)
    generation = fleet.generation
    result = ModelDeploymentStatus(
        observed_generation=generation,
        conditions=merged(before.conditions, findings, generation=generation, now=now),
        replicas=len(observed.live),
        ready_replicas=observed.ready,
        desired_replicas=judgement.desired,
        selector=f"{FLEET_LABEL}={fleet.name}",
        served_names=tuple(sorted(judgement.names.accepted)),
        endpoint=endpoint(fleet),
        fit=_fit(plan.sized) if plan else before.fit,
        cost=_cost(plan, observed) if plan else before.cost,
    )
    return result.model_dump(by_alias=True, exclude_none=True, mode="json")


def _fit(sized: Sized) -> FitStatus:
    row = sized.row
    return FitStatus(
        tensor_parallel_size=row.tensor_parallel_size,
        weights_mib_per_gpu=row.weights_mib_per_gpu,
        kv_cache_tokens=row.kv_cache_tokens,
        max_concurrent_requests=row.max_concurrent_requests,
        message=row.message,
    )


def _cost(plan: Plan, observed: Observed) -> CostStatus:
    return CostStatus(hourly_cents=observed.placed * plan.hourly_cents_per_pod)
