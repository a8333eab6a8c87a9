"""The PodMonitor through which Prometheus finds a fleet's engines."""

from typing import Any

from modelfleet.api.names import ENGINE_PORT_NAME, FLEET_LABEL
from modelfleet.workload.labels import metadata, pod_selector
from modelfleet.workload.plan import Plan


def pod_monitor(plan: Plan) -> dict[str, Any] | None:
    """Return the PodMonitor, or None where its kind is not installed or the platform does not want it."""
    if not (plan.setting.has_pod_monitors and plan.setting.platform.pod_monitors):
        return None
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": metadata(plan.fleet),
        "spec": {
            "selector": {"matchLabels": pod_selector(plan.fleet)},
            "podTargetLabels": [FLEET_LABEL],
            "podMetricsEndpoints": [{"port": ENGINE_PORT_NAME, "path": "/metrics"}],
        },
    }
