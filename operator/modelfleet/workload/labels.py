"""Names and labels of a fleet's children."""

from typing import Any

from modelfleet.api.names import (
    API_VERSION,
    COMPONENT_LABEL,
    FLEET_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    NAME_LABEL,
    TRAFFIC_LABEL,
    TRAFFIC_SERVING,
)
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment


def child_labels(fleet: ModelDeployment) -> dict[str, str]:
    """Return the labels of every child."""
    return {
        NAME_LABEL: fleet.metadata.name,
        COMPONENT_LABEL: "engine",
        MANAGED_BY_LABEL: MANAGED_BY,
        FLEET_LABEL: fleet.metadata.name,
    }


def pod_selector(fleet: ModelDeployment) -> dict[str, str]:
    """Return the labels that select the fleet's pods, in traffic or not; they never change."""
    return {FLEET_LABEL: fleet.metadata.name}


def traffic_selector(fleet: ModelDeployment) -> dict[str, str]:
    """Return the labels that select the pods that take requests."""
    return pod_selector(fleet) | {TRAFFIC_LABEL: TRAFFIC_SERVING}


def metadata(fleet: ModelDeployment, *, name: str | None = None, is_owned: bool = True) -> dict[str, Any]:
    """Return a child's metadata; an owned one is deleted with its fleet."""
    meta: dict[str, Any] = {
        "name": name or fleet.metadata.name,
        "namespace": fleet.metadata.namespace,
        "labels": child_labels(fleet),
    }
    return meta | ({"ownerReferences": [owner_reference(fleet)]} if is_owned else {})


def owner_reference(fleet: ModelDeployment) -> dict[str, Any]:
    """Return the reference that makes the fleet a child's controller."""
    return {
        "apiVersion": API_VERSION,
        "kind": fleet.kind,
        "name": fleet.metadata.name,
        "uid": fleet.metadata.uid,
        "controller": True,
    }
