"""What the stories ask of a cluster, in their own words."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from e2e.lab import Lab, LabError

Json = dict[str, Any]
Value = TypeVar("Value")

POLL_SECONDS = 0.25
ROOTS = {
    "deployments": "/apis/apps/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "modeldeployments": "/apis/modelfleet.dev/v1alpha1",
    "persistentvolumeclaims": "/api/v1",
    "pods": "/api/v1",
    "routepolicies": "/apis/modelfleet.dev/v1alpha1",
    "services": "/api/v1",
}
"""Asked without kubectl, whose start costs more than the question."""


def eventually(look: Callable[[], Value | None], *, seconds: float, what: str) -> Value:
    """Return what *look* returns as soon as it is true; fail after *seconds*, saying what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} must hold within {seconds:g} s; last seen: {seen!r}")
        time.sleep(POLL_SECONDS)
    return seen


@dataclass(frozen=True, slots=True)
class Condition:
    """A fleet's condition; all empty while there is none."""

    status: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the lab with fleets in it."""

    lab: Lab
    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl in this namespace, and return what it prints."""
        return self.lab.kubectl("--namespace", self.name, *arguments, stdin=stdin, check=check)

    def apply(self, *manifests: Json) -> str:
        """Apply objects, and return what kubectl says of each."""
        return self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(manifests))

    def patch(self, fleet: str, spec: Json) -> None:
        """Merge *spec* into a fleet's spec."""
        self.kubectl("patch", "mdep", fleet, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def delete_pod(self, name: str) -> None:
        """Delete a pod as `kubectl delete pod` does, without waiting for its end."""
        self.kubectl("delete", "pod", name, "--wait=false")

    def find(self, resource: str, name: str) -> Json | None:
        """Return an object, or None."""
        return self.lab.api.get(f"{ROOTS[resource]}/namespaces/{self.name}/{resource}/{name}")

    def get(self, resource: str, name: str) -> Json:
        """Return an object that exists."""
        found = self.find(resource, name)
        if found is None:
            raise LabError(f"{resource} {self.name}/{name} must exist")
        return found

    def find_all(self, resource: str, *, selector: str = "") -> list[Json]:
        """Return the objects of a kind, those with the labels of *selector* if one is given."""
        path = f"{ROOTS[resource]}/namespaces/{self.name}/{resource}?labelSelector={selector.replace('=', '%3D')}"
        return list((self.lab.api.get(path) or {})["items"])

    def status(self, fleet: str) -> Json:
        """Return a fleet's status."""
        status: Json = self.get("modeldeployments", fleet).get("status", {})
        return status

    def condition(self, fleet: str, kind: str = "Ready") -> Condition:
        """Return a fleet's condition."""
        found: Json = next((c for c in self.status(fleet).get("conditions", ()) if c["type"] == kind), {})
        return Condition(found.get("status", ""), found.get("reason", ""), found.get("message", ""))

    def wait_for(self, fleet: str, reason: str, *, kind: str = "Ready", words: str = "", seconds: float = 60) -> str:
        """Return the message of a condition once it has *reason* and *words*."""

        def look() -> Condition | None:
            found.append(self.condition(fleet, kind))
            return found[-1] if found[-1].reason == reason and words in found[-1].message else None

        found: list[Condition] = []
        try:
            return eventually(look, seconds=seconds, what=f"{kind} of {fleet} for the reason {reason}").message
        except AssertionError as error:
            raise AssertionError(f"{error}; it was {found[-1]}") from None

    def wait_ready(self, fleet: str, *, replicas: int | None = None, seconds: float = 60) -> None:
        """Wait as a GitOps pipeline does: the latest generation is observed and Ready; and for *replicas* if given."""

        def is_ready() -> bool:
            found.append(self.get("modeldeployments", fleet))
            status = found[-1].get("status", {})
            is_current = status.get("observedGeneration") == found[-1]["metadata"]["generation"]
            ready = next((c["status"] for c in status.get("conditions", ()) if c["type"] == "Ready"), "")
            return is_current and ready == "True" and replicas in (None, status.get("readyReplicas"))

        found: list[Json] = []
        try:
            eventually(is_ready, seconds=seconds, what=f"readiness of {fleet}")
        except AssertionError as error:
            raise AssertionError(f"{error}; its status was {json.dumps(found[-1].get('status'), indent=1)}") from None

    def pods(self, fleet: str) -> list[Json]:
        """Return the fleet's pods, those that are going included."""
        return self.find_all("pods", selector=f"modelfleet.dev/fleet={fleet}")

    def ready_pods(self, fleet: str) -> list[str]:
        """Return the names of the fleet's pods that are Ready and stay."""
        return [name_of(pod) for pod in self.pods(fleet) if "deletionTimestamp" not in pod["metadata"] and ready(pod)]

    def url(self, fleet: str) -> str:
        """Return the base URL of the fleet's Service, by address: the lab's DNS is not the test's."""
        return f"http://{self.get('services', fleet)['spec']['clusterIP']}/v1"

    def post_to_pod(self, pod: str, path: str) -> None:
        """Send an empty POST to a pod's engine."""
        address = self.get("pods", pod)["status"]["podIP"]
        self.lab.run_in(
            ["curl", "--silent", "--show-error", "--max-time", "5", "-X", "POST", f"http://{address}:8000{path}"]
        )


def name_of(thing: Json) -> str:
    """Return an object's name."""
    return str(thing["metadata"]["name"])


def ready(pod: Json) -> bool:
    """Return whether a pod's Ready condition is True."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))


def restarts(pod: Json) -> int:
    """Return how often the containers of a pod were started again."""
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", ()))


def environment(seconds: float = 1, **variables: str) -> Json:
    """Return an `engine` whose first start takes *seconds*, with further *variables* of the stand-in."""
    names = {"VLLM_STANDIN_COLD_START_SECONDS": f"{seconds:g}", **variables}
    return {"env": [{"name": name, "value": value} for name, value in names.items()]}


def small_fleet(name: str, **spec: Any) -> Json:
    """Return a fleet of one replica on one GPU; mappings in *spec* are merged over its spec, one level deep."""
    base: Json = {
        "model": {"source": "hf://Qwen/Qwen3-8B", "revision": "main"},
        "engine": environment(),
        "hardware": {"accelerator": "nvidia-h100-80gb"},
        "rollout": {"drainSeconds": 90},
    }
    for key, value in spec.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, Mapping) else value
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": base,
    }
