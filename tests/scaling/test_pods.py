"""Which pods are capacity."""

import pytest
from tests.scaling.fleets import BEGIN

from modelfleet.scaling import NotReady, Observation, PodObservation
from modelfleet.scaling.pods import PodSets, sorted_out


def sets(*pods: PodObservation, replicas: int | None = None) -> PodSets:
    return sorted_out(Observation(at=BEGIN, pods=pods, replicas=replicas), now=BEGIN, start_up_seconds=600.0)


def pod(name: str = "a", **changes: object) -> PodObservation:
    return PodObservation(name=name, **{"created": BEGIN - 30.0, **changes})  # type: ignore[arg-type] # fields by name


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(pod(ready_at=BEGIN), "ready", id="ready"),
        pytest.param(pod(), "loading", id="nobody knows why not"),
        pytest.param(pod(not_ready=NotReady.LOADING), "loading", id="loading"),
        pytest.param(pod(not_ready=NotReady.LOADING, created=BEGIN - 601.0), "broken", id="loading for too long"),
        pytest.param(pod(not_ready=NotReady.CRASH_LOOP), "broken", id="crash-looping"),
        pytest.param(pod(not_ready=NotReady.UNSCHEDULABLE), "unschedulable", id="without a node"),
    ],
)
def test_a_pod_is_in_one_set(found: PodObservation, expected: str) -> None:
    members = {name: len(getattr(sets(found), name)) for name in ("ready", "loading", "unschedulable", "broken")}

    assert members == {name: int(name == expected) for name in members}
    assert sets(found).size == 1


def test_draining_and_terminating_pods_leave() -> None:
    found = sets(pod("a", ready_at=BEGIN, draining=True), pod("b", ready_at=BEGIN, terminating=True))

    assert (found.size, found.leaving) == (0, 2)


def test_pods_that_were_asked_for_and_do_not_exist_are_missing() -> None:
    found = sets(pod("a", ready_at=BEGIN), pod("b", ready_at=BEGIN, draining=True), replicas=5)

    assert (found.size, found.missing) == (4, 3)


@pytest.mark.parametrize(
    ("ready", "broken", "replaced"), [(0, 3, 0), (1, 1, 1), (1, 3, 1), (8, 1, 1), (8, 2, 2), (8, 5, 2)]
)
def test_broken_pods_are_replaced_within_reason(ready: int, broken: int, replaced: int) -> None:
    working = [pod(f"r{i}", ready_at=BEGIN) for i in range(ready)]
    crashing = [pod(f"b{i}", not_ready=NotReady.CRASH_LOOP) for i in range(broken)]

    assert sets(*working, *crashing).replaceable == replaced


def test_a_cluster_that_adds_nodes_has_a_moment_to_begin() -> None:
    waiting = sets(pod(not_ready=NotReady.UNSCHEDULABLE))

    assert not waiting.has_no_node(BEGIN)
    assert waiting.has_no_node(BEGIN + 31.0)
