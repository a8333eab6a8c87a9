"""The ServiceAccount of a fleet."""

from typing import Any

from modelfleet.workload.labels import metadata
from modelfleet.workload.plan import Plan


def service_account(plan: Plan) -> dict[str, Any] | None:
    """Return an account that may do nothing and has no token, or None when the user names an account."""
    if plan.fleet.spec.pod.service_account_name:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(plan.fleet),
        "automountServiceAccountToken": False,
    }
