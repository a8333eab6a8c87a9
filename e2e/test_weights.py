"""Weights that were downloaded once are not downloaded again, and nothing else is written; all of it restricted."""

import pytest

from e2e.cluster import Json, Namespace, eventually, small_fleet

HIT = "(cache hit)"


@pytest.fixture(scope="module")
def restricted(shared_namespace: Namespace) -> Namespace:
    """A namespace with the strictest Pod Security level, and a fleet for each story."""
    strict = "pod-security.kubernetes.io/enforce=restricted"
    shared_namespace.kubectl("label", "namespace", shared_namespace.name, strict)
    shared_namespace.apply(_cached("kept"), _cached("fleeting", deletionPolicy="Delete"), small_fleet("confined"))
    for fleet in ("kept", "fleeting", "confined"):
        shared_namespace.wait_ready(fleet)
    return shared_namespace


def test_a_claim_keeps_weights_beyond_pods_and_fleets(restricted: Namespace) -> None:
    """The second pod starts warm, and so does a new fleet of the same name."""
    claim = restricted.get("persistentvolumeclaims", "kept-cache")
    [first] = restricted.ready_pods("kept")

    assert HIT not in restricted.kubectl("logs", first)

    restricted.delete_pod(first)
    second = _next_pod(restricted, first)

    assert HIT in restricted.kubectl("logs", second)

    restricted.kubectl("delete", "mdep", "kept")
    eventually(lambda: not restricted.pods("kept"), seconds=60, what="the end of the fleet's pods")
    restricted.apply(_cached("kept"))
    third = _next_pod(restricted, second)

    assert HIT in restricted.kubectl("logs", third)
    assert restricted.get("persistentvolumeclaims", "kept-cache")["metadata"]["uid"] == claim["metadata"]["uid"]


def test_a_claim_that_shall_go_with_its_fleet_goes(restricted: Namespace) -> None:
    """`deletionPolicy: Delete` gives the volume back."""
    assert restricted.get("persistentvolumeclaims", "fleeting-cache")["status"]["phase"] == "Bound"

    restricted.kubectl("delete", "mdep", "fleeting")

    eventually(lambda: restricted.find("persistentvolumeclaims", "fleeting-cache") is None, seconds=60, what="no claim")


def test_the_engine_can_write_to_its_volumes_and_nowhere_else(restricted: Namespace) -> None:
    """The root file system is read-only, and the engine is not root."""
    [pod] = restricted.ready_pods("confined")
    look = (
        "import os; print(os.getuid(), [p for p in ('/', '/root', '/usr', '/cache', '/tmp') if os.access(p, os.W_OK)])"
    )

    assert restricted.kubectl("exec", pod, "--", "python3", "-c", look) == "2000 ['/cache', '/tmp']\n"


def _cached(name: str, **claim: str) -> Json:
    return small_fleet(name, weights={"cache": {"claim": {"size": "100Gi", **claim}}})


def _next_pod(namespace: Namespace, gone: str) -> str:
    """Return the only ready pod once it is not *gone*."""

    def look() -> str:
        ready = [name for name in namespace.ready_pods("kept") if name != gone]
        return ready[0] if ready else ""

    return eventually(look, seconds=60, what=f"a successor of {gone}")
