"""The pod template: one engine on its accelerators."""

from typing import Any

from modelfleet.api.names import ENGINE_CONTAINER, ENGINE_PORT, ENGINE_PORT_NAME
from modelfleet.api.v1alpha1.model_deployment.hardware import Hardware
from modelfleet.workload import probes, rollout
from modelfleet.workload.environment import variables
from modelfleet.workload.labels import child_labels, pod_selector, traffic_selector
from modelfleet.workload.plan import Plan
from modelfleet.workload.quantities import times, total
from modelfleet.workload.volumes import mounts, volumes

USER = 2000
"""Any user but root: the engine writes only to its volumes."""
ROOT = 0

POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def pod_template(plan: Plan) -> dict[str, Any]:
    """Return the Deployment's pod template."""
    pod = plan.fleet.spec.pod
    meta: dict[str, Any] = {"labels": child_labels(plan.fleet) | pod.labels | traffic_selector(plan.fleet)}
    if pod.annotations:
        meta["annotations"] = pod.annotations
    return {"metadata": meta, "spec": _present(_identity(plan) | _placement(plan) | _engine(plan))}


def _identity(plan: Plan) -> dict[str, Any]:
    pod = plan.fleet.spec.pod
    return {
        "serviceAccountName": pod.service_account_name or plan.fleet.metadata.name,
        "automountServiceAccountToken": None if pod.service_account_name else False,
        "imagePullSecrets": [{"name": secret.name} for secret in pod.image_pull_secrets],
        # A Service called `vllm` would set VLLM_PORT to an address, and the engine would not start.
        "enableServiceLinks": False,
        "securityContext": _security(pod.security_context or {}),
    }


def _security(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the restricted context with what the user asks for; who asks for root means it."""
    root = {"runAsNonRoot": False} if asked.get("runAsUser") == ROOT else {}
    return POD_SECURITY | root | asked


def _placement(plan: Plan) -> dict[str, Any]:
    hardware, pod, accelerator = plan.fleet.spec.hardware, plan.fleet.spec.pod, plan.accelerator
    is_spot = hardware.capacity_type == "Spot"
    tolerations = (*accelerator.tolerations, *(accelerator.spot.tolerations if is_spot else ()), *hardware.tolerations)
    spot_labels = accelerator.spot.node_labels if is_spot else {}
    return {
        "nodeSelector": {**accelerator.node_labels, **spot_labels, **hardware.node_selector},
        "tolerations": [t.model_dump(by_alias=True, exclude_none=True) for t in dict.fromkeys(tolerations)],
        "priorityClassName": hardware.priority_class_name,
        "runtimeClassName": hardware.runtime_class_name,
        "schedulerName": pod.scheduler_name,
        "affinity": pod.affinity,
        "topologySpreadConstraints": _spread(plan),
    }


def _spread(plan: Plan) -> list[dict[str, Any]]:
    """Return the user's constraints, or one over nodes; without a selector of their own they are about the fleet."""
    over_nodes = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    selector = {"labelSelector": {"matchLabels": pod_selector(plan.fleet)}}
    return [selector | constraint for constraint in plan.fleet.spec.pod.topology_spread_constraints or (over_nodes,)]


def _engine(plan: Plan) -> dict[str, Any]:
    return {
        "terminationGracePeriodSeconds": rollout.grace_period_seconds(plan.fleet),
        "volumes": volumes(plan),
        "containers": [_present(_container(plan))],
    }


def _container(plan: Plan) -> dict[str, Any]:
    sources = plan.fleet.spec.pod.env_from
    return {
        "name": ENGINE_CONTAINER,
        "image": plan.fleet.spec.engine.image,
        "command": ["vllm", "serve"],
        "args": [*plan.arguments],
        "ports": [{"name": ENGINE_PORT_NAME, "containerPort": ENGINE_PORT, "protocol": "TCP"}],
        "env": variables(plan),
        "envFrom": [source.model_dump(by_alias=True, exclude_none=True) for source in sources],
        "resources": resources(plan),
        "securityContext": CONTAINER_SECURITY,
        "startupProbe": probes.startup(plan),
        "readinessProbe": probes.readiness(),
        "livenessProbe": probes.liveness(plan),
        "lifecycle": {"preStop": probes.before_stop(plan)},
        "volumeMounts": mounts(plan),
        # The last log line of an engine that failed is the best explanation there is.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def resources(plan: Plan) -> dict[str, Any]:
    """Return the container's requests and limits: whole accelerators, and CPU and memory as asked or as catalogued."""
    hardware = plan.fleet.spec.hardware
    requests = {"cpu": _cpu(plan, hardware), "memory": _memory(plan, hardware)}
    asked = {name: amount for name, amount in requests.items() if amount is not None}
    limits = {plan.accelerator.resource_name: str(plan.accelerators)}
    return {"limits": limits, "requests": asked | limits}


def _cpu(plan: Plan, hardware: Hardware) -> str | None:
    if hardware.cpu is not None:
        return str(hardware.cpu)
    per_accelerator = plan.accelerator.cpu_per_accelerator
    return None if per_accelerator is None else times(per_accelerator, plan.accelerators)


def _memory(plan: Plan, hardware: Hardware) -> str | None:
    per_accelerator = plan.accelerator.memory_per_accelerator
    base = None if per_accelerator is None else times(per_accelerator, plan.accelerators)
    asked = base if hardware.memory is None else str(hardware.memory)
    offload = plan.cache.kv_offload if plan.cache else None
    if offload is None:
        return asked
    return total(f"{offload.cpu_gib}Gi", asked or "0")


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    """Return *fields* without those that say nothing: server-side apply would own them."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}
