"""The Service in front of a fleet's engines."""

from typing import Any

from modelfleet.api.names import ENGINE_PORT_NAME
from modelfleet.api.v1alpha1.metadata import ObjectMeta
from modelfleet.workload.labels import metadata, traffic_selector
from modelfleet.workload.plan import Plan

SERVICE_PORT = 80


def service(plan: Plan) -> dict[str, Any]:
    """Return the Service; it selects pods that take requests, so that a mark on a pod takes it out."""
    port = {
        "name": ENGINE_PORT_NAME,
        "port": SERVICE_PORT,
        "targetPort": ENGINE_PORT_NAME,
        "protocol": "TCP",
        "appProtocol": "http",
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(plan.fleet),
        "spec": {"selector": traffic_selector(plan.fleet), "ports": [port]},
    }


def endpoint(fleet: ObjectMeta) -> str:
    """Return the base URL of the OpenAI API behind the fleet's Service."""
    return f"http://{fleet.name}.{fleet.namespace}.svc/v1"
