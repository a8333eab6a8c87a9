"""A pod that still loads is gone soon after its deletion, although vLLM ignores the first SIGTERM then."""

from collections.abc import Callable
from functools import partial

import pytest

from e2e.cluster import Json, Namespace, environment, eventually, name_of, small_fleet

COLD_START_SECONDS = 300
GONE_SECONDS = 15
FLEETS = ("deleted", "restarted", "shrunk")


@pytest.fixture(scope="module")
def loading(shared_namespace: Namespace) -> Namespace:
    """Fleets that load for long, and whose pods may drain for long."""
    slow = environment(COLD_START_SECONDS)
    shared_namespace.apply(*(small_fleet(fleet, engine=slow, rollout={"drainSeconds": 600}) for fleet in FLEETS))
    for fleet in FLEETS:
        eventually(partial(_loads, shared_namespace, fleet), seconds=60, what=f"a loading pod of {fleet}")
    return shared_namespace


def test_deleting_the_fleet_frees_its_gpus_while_it_loads(loading: Namespace) -> None:
    """`kubectl delete mdep` takes the pods along."""
    loading.kubectl("delete", "mdep", "deleted", "--wait=false")

    eventually(lambda: not loading.pods("deleted"), seconds=GONE_SECONDS, what="the end of the loading pod")


def test_deleting_a_pod_frees_its_gpus_while_it_loads(loading: Namespace) -> None:
    """`kubectl delete pod` is not ignored; a successor loads instead."""
    [pod] = loading.pods("restarted")
    loading.delete_pod(name_of(pod))

    eventually(_is_gone(loading, "restarted", name_of(pod)), seconds=GONE_SECONDS, what="the end of the loading pod")
    assert len(loading.pods("restarted")) == 1


def test_scaling_to_zero_frees_the_gpus_while_it_loads(loading: Namespace) -> None:
    """`kubectl scale mdep --replicas 0` takes the loading pod, and the fleet says that it sleeps."""
    loading.kubectl("scale", "mdep", "shrunk", "--replicas", "0")

    eventually(lambda: not loading.pods("shrunk"), seconds=GONE_SECONDS, what="the end of the loading pod")
    loading.wait_for("shrunk", "Asleep")


def _loads(namespace: Namespace, fleet: str) -> bool:
    """Return whether the only pod's engine runs and has not started."""
    return [state for pod in namespace.pods(fleet) for state in _engine_states(pod)] == [("running", False)]


def _engine_states(pod: Json) -> list[tuple[str, bool]]:
    statuses = pod["status"].get("containerStatuses", ())
    return [(state, status["started"]) for status in statuses for state in status["state"]]


def _is_gone(namespace: Namespace, fleet: str, name: str) -> Callable[[], bool]:
    return lambda: all(name_of(pod) != name for pod in namespace.pods(fleet))
