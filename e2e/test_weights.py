"""Weights that were downloaded once are not downloaded again."""

import json

from e2e.cluster import Json, Namespace, eventually, small_fleet

CACHED: Json = {"cache": {"claim": {"size": "100Gi"}}}
HIT = "(cache hit)"


def test_a_claim_keeps_weights_beyond_pods_and_fleets(namespace: Namespace) -> None:
    """The second pod starts warm, and so does a new fleet of the same name; the namespace is as strict as can be."""
    namespace.kubectl("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted")
    fleet = small_fleet("cached", weights=CACHED)
    namespace.apply(fleet)
    namespace.wait_ready("cached")
    claim = namespace.get("persistentvolumeclaims", "cached-cache")
    [first] = namespace.ready_pods("cached")

    assert HIT not in namespace.kubectl("logs", first)

    namespace.delete_pod(first)
    second = _next_pod(namespace, first)

    assert HIT in namespace.kubectl("logs", second)

    namespace.kubectl("delete", "mdep", "cached")
    eventually(lambda: not namespace.pods("cached"), seconds=60, what="the end of the fleet's pods")
    namespace.apply(fleet)
    namespace.wait_ready("cached")
    third = _next_pod(namespace, second)

    assert HIT in namespace.kubectl("logs", third)
    assert namespace.get("persistentvolumeclaims", "cached-cache")["metadata"]["uid"] == claim["metadata"]["uid"]


def test_a_claim_that_shall_go_with_its_fleet_goes(namespace: Namespace) -> None:
    """`deletionPolicy: Delete` gives the volume back; until then the claim is bound and the engine can write to it."""
    cache = json.loads(json.dumps(CACHED))
    cache["cache"]["claim"]["deletionPolicy"] = "Delete"
    namespace.apply(small_fleet("fleeting", weights=cache))
    namespace.wait_ready("fleeting")

    assert namespace.get("persistentvolumeclaims", "fleeting-cache")["status"]["phase"] == "Bound"

    namespace.kubectl("delete", "mdep", "fleeting")
    eventually(lambda: namespace.find("persistentvolumeclaims", "fleeting-cache") is None, seconds=60, what="no claim")


def test_the_engine_can_write_to_its_volumes_and_nowhere_else(namespace: Namespace) -> None:
    """The root file system is read-only, and the engine is not root."""
    namespace.apply(small_fleet("confined"))
    namespace.wait_ready("confined")
    [pod] = namespace.ready_pods("confined")
    looks = "import os; print(os.getuid(), [os.access(path, os.W_OK) for path in ('/', '/root', '/usr', '/opt')])"

    assert namespace.kubectl("exec", pod, "--", "python3", "-c", looks).split(maxsplit=1) == [
        "2000",
        "[False, False, False, False]\n",
    ]


def _next_pod(namespace: Namespace, gone: str) -> str:
    """Return the only ready pod once it is not *gone*."""

    def look() -> str:
        ready = [name for name in namespace.ready_pods("cached") if name != gone]
        return ready[0] if ready else ""

    return eventually(look, seconds=60, what=f"a successor of {gone}")
