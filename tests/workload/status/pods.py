"""Pods of a fleet, as the kubelet and the scheduler describe them."""

from typing import Any

READY = {"type": "Ready", "status": "True"}
LABELS = {"modelfleet.dev/fleet": "llama", "modelfleet.dev/traffic": "serving"}

Pod = dict[str, Any]


def pod(name: str = "llama-1", *, ready: bool = False, phase: str = "Running", **status: Any) -> Pod:
    """Return a pod; *status* are further fields of its status."""
    conditions = [READY] if ready else [READY | {"status": "False"}]
    meta = {"name": name, "namespace": "models", "uid": f"uid-of-{name}", "labels": dict(LABELS)}
    return {"metadata": meta, "status": {"phase": phase, "conditions": conditions} | status}


def engine(name: str = "llama-1", *, restarts: int = 0, **states: Any) -> Pod:
    """Return a pod whose engine's container has *states*: `state` and `lastState`."""
    status = {"name": "engine", "restartCount": restarts} | states
    return pod(name, containerStatuses=[{"name": "mesh"}, status])


def waiting(reason: str, message: str | None = None, **rest: Any) -> Pod:
    """Return a pod whose engine waits."""
    state = {"reason": reason} | ({"message": message} if message else {})
    return engine(state={"waiting": state}, **rest)


def crashed(name: str = "llama-1", *, restarts: int = 3, **terminated: Any) -> Pod:
    """Return a pod whose engine ended, and waits to be started again."""
    return engine(
        name,
        restarts=restarts,
        state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
        lastState={"terminated": {"exitCode": 1, "reason": "Error"} | terminated},
    )


def unschedulable(message: str, name: str = "llama-1") -> Pod:
    """Return a pod that the scheduler finds no node for."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return pod(name, phase="Pending") | {"status": {"phase": "Pending", "conditions": [condition]}}
