"""Under a constant load of long streams, whatever takes pods away loses nothing."""

import json

from e2e.cluster import Namespace, eventually, small_fleet
from e2e.streams import Load

STREAM_TOKENS = 9_000
"""About 60 s at the 6.5 ms per token that the stand-in needs for an 8B model on an H100."""
DRAIN_SECONDS = 240
CLIENTS = 6


def serve(namespace: Namespace, fleet: str, **engine: str) -> None:
    """Bring two replicas up that may drain for longer than a stream takes."""
    namespace.apply(
        small_fleet(fleet, replicas=2, rollout={"drainSeconds": DRAIN_SECONDS}, engine={**engine, **QUICK_START})
    )
    namespace.wait_ready(fleet)
    eventually(lambda: len(ready_pods(namespace, fleet)) == 2, seconds=60, what="two ready pods")


QUICK_START = {"env": [{"name": "VLLM_STANDIN_COLD_START_SECONDS", "value": "2"}]}


def ready_pods(namespace: Namespace, fleet: str) -> list[str]:
    """Return the names of pods that are Ready and stay."""
    return [
        pod["metadata"]["name"]
        for pod in namespace.pods(fleet)
        if "deletionTimestamp" not in pod["metadata"]
        and any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", ()))
    ]


def load_on(namespace: Namespace, fleet: str) -> Load:
    """Return a load of 60 s streams on *fleet*."""
    return Load(namespace.lab, namespace.url(fleet), fleet, clients=CLIENTS, tokens=STREAM_TOKENS)


def test_rolling_update_deletion_and_eviction_lose_no_stream(namespace: Namespace) -> None:
    """A new template, `kubectl delete pod` and an eviction, one after another: every stream ends with [DONE]."""
    serve(namespace, "busy")

    with load_on(namespace, "busy") as load:
        eventually(lambda: load.opened >= CLIENTS, seconds=20, what="all clients streaming")
        first, second = ready_pods(namespace, "busy")
        namespace.kubectl("delete", "pod", first, "--wait=false")
        eventually(lambda: _replaced(namespace, first), seconds=60, what="a successor of the deleted pod")
        evict(namespace, second)
        eventually(lambda: _replaced(namespace, second), seconds=60, what="a successor of the evicted pod")
        namespace.patch("busy", {"engine": {"maxNumSeqs": 128}})
        eventually(lambda: _is_rolled_out(namespace), seconds=240, what="pods of the new template only")

    assert len(load.outcomes) >= CLIENTS
    assert not load.broken


def test_an_engine_without_shutdown_timeout_drains_before_sigterm(namespace: Namespace) -> None:
    """A vLLM 0.17 cuts requests off at SIGTERM; its pods wait for them before that."""
    serve(namespace, "older", image="vllm/vllm-openai:v0.17.1")

    with load_on(namespace, "older") as load:
        eventually(lambda: load.opened >= CLIENTS, seconds=20, what="all clients streaming")
        victim = ready_pods(namespace, "older")[0]
        namespace.kubectl("delete", "pod", victim, "--wait=false")
        eventually(lambda: _replaced(namespace, victim), seconds=60, what="a successor of the deleted pod")

    assert not load.broken


def evict(namespace: Namespace, pod: str) -> None:
    """Evict *pod* as `kubectl drain` does, once the disruption budget allows it."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace.name}}
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"

    def is_evicted() -> bool:
        answer = namespace.kubectl("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction), check=False)
        return "Success" in answer

    eventually(is_evicted, seconds=60, what=f"eviction of {pod}")


def _replaced(namespace: Namespace, gone: str) -> bool:
    ready = ready_pods(namespace, "busy") or ready_pods(namespace, "older")
    return gone not in ready and len(ready) == 2


def _is_rolled_out(namespace: Namespace) -> bool:
    deployment = namespace.get("deployment", "busy")
    status = deployment["status"]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return bool(seen and status.get("updatedReplicas") == status.get("readyReplicas") == status["replicas"] == 2)
