"""Three loads of streams that take a minute, and everything that takes their pods away meanwhile."""

import json
from collections.abc import Mapping
from contextlib import ExitStack

from e2e.cluster import Json, Namespace, environment, eventually, small_fleet
from e2e.streams import Load

STREAM_TOKENS = 9_000
"""About 60 s at the 6.5 ms per token that the stand-in needs for an 8B model on an H100."""
CLIENTS = 4
FLEETS: Mapping[str, Json] = {
    "rolled": {"replicas": 2},
    "older": {"replicas": 2, "engine": {"image": "vllm/vllm-openai:v0.17.1"}},
    "shrunk": {"replicas": 3},
}


def disturb_loads(namespace: Namespace) -> Mapping[str, Load]:
    """Return each fleet's load, after its last stream ended."""
    for name, spec in FLEETS.items():
        engine = environment(2) | spec.get("engine", {})
        namespace.apply(small_fleet(name, **spec | {"engine": engine, "rollout": {"drainSeconds": 240}}))
    for name, spec in FLEETS.items():
        namespace.wait_ready(name, replicas=spec["replicas"], seconds=90)
    loads = {name: Load(namespace.lab, namespace.url(name), name, CLIENTS, STREAM_TOKENS) for name in FLEETS}
    with ExitStack() as stack:
        for load in loads.values():
            stack.enter_context(load)
        eventually(lambda: all(load.opened >= CLIENTS for load in loads.values()), seconds=30, what="streams")
        _take_pods_away(namespace)
        for load in loads.values():
            load.finish()
    return loads


def _take_pods_away(namespace: Namespace) -> None:
    first, second = namespace.ready_pods("rolled")
    old = namespace.ready_pods("older")[0]
    namespace.delete_pod(first)
    namespace.delete_pod(old)
    namespace.kubectl("scale", "mdep", "shrunk", "--replicas", "1")
    _wait_for_successor(namespace, "rolled", first)
    _evict(namespace, second)
    _wait_for_successor(namespace, "rolled", second)
    namespace.patch("rolled", {"engine": {"maxNumSeqs": 128}})
    namespace.wait_ready("rolled", replicas=2, seconds=120)
    _wait_for_successor(namespace, "older", old)


def _evict(namespace: Namespace, pod: str) -> None:
    """Evict *pod* as `kubectl drain` does, once the disruption budget allows it."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace.name}}
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"

    def is_evicted() -> bool:
        answer = namespace.kubectl("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction), check=False)
        return "Success" in answer

    eventually(is_evicted, seconds=60, what=f"eviction of {pod}")


def _wait_for_successor(namespace: Namespace, fleet: str, gone: str) -> None:
    def is_replaced() -> bool:
        ready = namespace.ready_pods(fleet)
        return gone not in ready and len(ready) == FLEETS[fleet]["replicas"]

    eventually(is_replaced, seconds=60, what=f"a successor of {gone}")
