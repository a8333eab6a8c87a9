"""The PodDisruptionBudget of a fleet."""

from typing import Any

from modelfleet.workload.labels import metadata, pod_selector
from modelfleet.workload.plan import Plan


def disruption_budget(plan: Plan) -> dict[str, Any]:
    """
    Return a budget of one pod at a time.

    `minAvailable` would block the drain of a node for ever at one replica. Pods that are not ready may always go.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(plan.fleet),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": pod_selector(plan.fleet)},
        },
    }
