"""
What the real node claims to be: a machine with GPUs, far more cores and far more memory than this one.

An admission policy of the API server writes the claim into every status that the kubelet reports. Scheduler and kubelet
both admit pods by the node's status, so pods with the requests of a real fleet run on two cores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from e2e.lab.layout import NODE_NAME

_POLICIES = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies"
_BINDINGS = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings"
_NAME = "lab-node-shape"


@dataclass(frozen=True, slots=True)
class NodeShape:
    """The size and the labels of a node; by default of a machine with eight H100."""

    gpus: int = 8
    gpu_resource: str = "nvidia.com/gpu"
    cpu: str = "192"
    memory: str = "2Ti"
    labels: dict[str, str] = field(default_factory=lambda: {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"})

    @property
    def resources(self) -> dict[str, str]:
        """What the node claims to have."""
        return {"cpu": self.cpu, "memory": self.memory, self.gpu_resource: str(self.gpus)}

    @property
    def gpu_status(self) -> dict[str, Any]:
        """The part of the claim that the kubelet knows nothing of and keeps, as a merge patch of the node's status."""
        gpus = {self.gpu_resource: str(self.gpus)}
        return {"status": {"capacity": gpus, "allocatable": gpus}}

    def is_claimed_by(self, node: dict[str, Any]) -> bool:
        """Whether the Node object *node* has this size."""
        allocatable = node.get("status", {}).get("allocatable", {})
        return all(allocatable.get(name) == amount for name, amount in self.resources.items())

    def policy(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the objects that keep the claim, each with the path to create it at."""
        metadata, version = {"name": _NAME}, "admissionregistration.k8s.io/v1"
        binding = {"apiVersion": version, "kind": "MutatingAdmissionPolicyBinding", "metadata": metadata}
        policy = {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": metadata}
        return [
            (_POLICIES, {**policy, "spec": self._policy_spec()}),
            (_BINDINGS, {**binding, "spec": {"policyName": _NAME}}),
        ]

    def _policy_spec(self) -> dict[str, Any]:
        created = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["nodes"], "operations": ["CREATE"]}
        reported = {**created, "resources": ["nodes/status"], "operations": ["UPDATE"]}
        about_us = f"object.metadata.name == '{NODE_NAME}' && has(object.status.allocatable)"
        return {
            "matchConstraints": {"resourceRules": [created, reported]},
            "matchConditions": [{"name": "the-real-node", "expression": about_us}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": self._patch_expression()}}],
        }

    def _patch_expression(self) -> str:
        """Return the claim in CEL, as JSON patches; ``/`` in a path is written ``~1``."""
        patches = (
            f'JSONPatch{{op: "add", path: "/status/{kind}/{name.replace("/", "~1")}", value: "{amount}"}}'
            for kind in ("capacity", "allocatable")
            for name, amount in self.resources.items()
        )
        return f"[{', '.join(patches)}]"


def is_ready(node: Mapping[str, Any]) -> bool:
    """Whether a Node object says that it is Ready."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
