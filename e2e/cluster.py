"""What the stories ask of a cluster, in their own words."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from e2e.lab import Lab

Json = dict[str, Any]
Value = TypeVar("Value")

POLL_SECONDS = 0.25


def eventually(look: Callable[[], Value], *, seconds: float, what: str) -> Value:
    """Return what *look* returns as soon as it is true; fail after *seconds*, saying what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} must hold within {seconds:g} s; last seen: {seen!r}")
        time.sleep(POLL_SECONDS)
    return seen


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the lab with fleets in it."""

    lab: Lab
    name: str

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Run kubectl in this namespace."""
        return self.lab.kubectl("--namespace", self.name, *arguments, stdin=stdin, check=check)

    def get(self, *arguments: str) -> Json:
        """Return what `kubectl get -o json` returns."""
        parsed: Json = json.loads(self.kubectl("get", *arguments, "--output", "json"))
        return parsed

    def apply(self, *manifests: Json) -> None:
        """Apply objects."""
        self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(manifests))

    def patch(self, fleet: str, spec: Json) -> None:
        """Merge *spec* into a fleet's spec."""
        self.kubectl("patch", "mdep", fleet, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def condition(self, fleet: str, kind: str = "Ready") -> tuple[str, str, str]:
        """Return status, reason and message of a fleet's condition; empty while there is none."""
        conditions = self.get("mdep", fleet).get("status", {}).get("conditions", ())
        found: Json = next((c for c in conditions if c["type"] == kind), {})
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    def wait_for(self, fleet: str, *, reason: str, seconds: float = 60) -> str:
        """Return the message of Ready once its reason is *reason*."""

        def look() -> str:
            _, found, message = self.condition(fleet)
            return message if found == reason else ""

        return eventually(look, seconds=seconds, what=f"Ready of {fleet} for the reason {reason}")

    def wait_ready(self, fleet: str, *, seconds: float = 90) -> None:
        """Wait as a GitOps pipeline does: the latest generation is observed and Ready."""

        def look() -> bool:
            found = self.get("mdep", fleet)
            is_current = found["status"].get("observedGeneration") == found["metadata"]["generation"]
            return is_current and self.condition(fleet)[0] == "True"

        eventually(look, seconds=seconds, what=f"readiness of {fleet} ({self.condition(fleet)})")

    def pods(self, fleet: str) -> list[Json]:
        """Return the fleet's pods."""
        return list(self.get("pods", "--selector", f"modelfleet.dev/fleet={fleet}")["items"])

    def url(self, fleet: str) -> str:
        """Return the base URL of the fleet's Service, by address: the lab's DNS is not the test's."""
        address = self.get("service", fleet)["spec"]["clusterIP"]
        return f"http://{address}/v1"


def small_fleet(name: str, **spec: Any) -> Json:
    """Return a fleet of one replica on one GPU; *spec* is merged over its spec, one level deep."""
    base: Json = {
        "model": {"source": "hf://Qwen/Qwen3-8B", "revision": "main"},
        "engine": {"env": [{"name": "VLLM_STANDIN_COLD_START_SECONDS", "value": "2"}]},
        "hardware": {"accelerator": "nvidia-h100-80gb"},
        "rollout": {"drainSeconds": 90},
    }
    for key, value in spec.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": base,
    }
