"""A plan → all its children, in the order they are applied."""

from typing import Any

from modelfleet.workload.children.claim import claim
from modelfleet.workload.children.deployment import deployment
from modelfleet.workload.children.disruption_budget import disruption_budget
from modelfleet.workload.children.network_policy import network_policy
from modelfleet.workload.children.pod_monitor import pod_monitor
from modelfleet.workload.children.service import service
from modelfleet.workload.children.service_account import service_account
from modelfleet.workload.plan import Plan

BUILDERS = (
    service_account,  # pods are refused without their account
    claim,  # pods wait for their claim
    network_policy,  # before the first pod could be reached
    service,
    disruption_budget,
    deployment,  # it makes the pods
    pod_monitor,  # nothing waits for it
)


def children(plan: Plan) -> tuple[dict[str, Any], ...]:
    """Return the children of a fleet, without those it does not need."""
    return tuple(child for build in BUILDERS if (child := build(plan)) is not None)
