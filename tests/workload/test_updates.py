"""What no user asked for waits for its turn; what a user asked for does not."""

from typing import Any

import pytest

from modelfleet.workload.updates import free_turns, is_operators_change, is_rolling_for_operator, marked

INPUT, TEMPLATE, MARK = "modelfleet.dev/input-hash", "modelfleet.dev/template-hash", "modelfleet.dev/operator-change"


def deployment(declared: str | None = "a", template: str | None = "a", *, mark: bool = False) -> dict[str, Any]:
    hashes = {INPUT: declared, TEMPLATE: template} | ({MARK: "true"} if mark else {})
    return {"metadata": {"annotations": {key: value for key, value in hashes.items() if value}}, "spec": {}}


def rolling(*, mark: bool = True, replicas: int = 2, generation: int = 4, **status: int) -> dict[str, Any]:
    done = {"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    live = deployment(mark=mark)
    meta = live["metadata"] | {"generation": generation}
    return live | {"metadata": meta, "spec": {"replicas": replicas}, "status": done | status}


@pytest.mark.parametrize(
    ("live", "wanted", "is_ours"),
    [
        pytest.param(None, deployment(), False, id="a new fleet"),
        pytest.param(deployment(), deployment(), False, id="nothing changed"),
        pytest.param(deployment(), deployment("b", "b"), False, id="the user changed the pods"),
        pytest.param(deployment(), deployment("b", "a"), False, id="the user changed what is not in the pods"),
        pytest.param(deployment(), deployment("a", "b"), True, id="the operator changed the pods"),
        pytest.param(deployment(None, None), deployment("a", "b"), False, id="annotations that somebody removed"),
        pytest.param(
            {"metadata": {"annotations": None}, "spec": {}}, deployment(), False, id="a Deployment without annotations"
        ),
    ],
)
def test_whose_change_it_is(live: dict[str, Any] | None, wanted: dict[str, Any], *, is_ours: bool) -> None:
    assert is_operators_change(live, wanted) is is_ours


@pytest.mark.parametrize(
    ("live", "is_under_way"),
    [
        pytest.param(rolling(), False, id="done"),
        pytest.param(rolling(mark=False, updatedReplicas=1), False, id="a rollout that a user asked for"),
        pytest.param(rolling(generation=5), True, id="the Deployment's controller has not seen it"),
        pytest.param(rolling(updatedReplicas=1), True, id="pods are missing"),
        pytest.param(rolling(availableReplicas=1), True, id="pods load"),
        pytest.param(deployment(mark=True), True, id="no status yet"),
    ],
)
def test_when_an_operators_change_is_under_way(live: dict[str, Any], *, is_under_way: bool) -> None:
    assert is_rolling_for_operator(live) is is_under_way


def test_old_pods_that_are_left_keep_it_under_way() -> None:
    live = rolling()
    live["status"]["replicas"] = 3

    assert is_rolling_for_operator(live)


def test_a_fleet_of_none_takes_its_change_at_once() -> None:
    live = rolling(replicas=0)
    live["status"] = {"observedGeneration": 4}

    assert not is_rolling_for_operator(live)


@pytest.mark.parametrize(
    ("at_most", "under_way", "free"),
    [
        pytest.param(1, 0, 1, id="a free turn"),
        pytest.param(1, 1, 0, id="taken"),
        pytest.param(3, 1, 2, id="some left"),
        pytest.param(1, 2, 0, id="a platform that lowered its limit"),
        pytest.param(0, 0, 0, id="held"),
    ],
)
def test_turns(at_most: int, under_way: int, free: int) -> None:
    deployments = [rolling(updatedReplicas=0)] * under_way + [rolling()] * 5

    assert free_turns(deployments, at_most=at_most) == free


@pytest.mark.parametrize(
    ("live", "before"),
    [
        pytest.param(deployment(), "0", id="never seen"),
        pytest.param(rolling(mark=False, availableReplicas=1), "1", id="a pod has failed"),
        pytest.param(rolling(availableReplicas=1, replicas=1), "1", id="the change before is through"),
        pytest.param(rolling(updatedReplicas=1, availableReplicas=1), "true", id="the change before goes on"),
    ],
)
def test_a_mark_says_how_many_were_available_and_nothing_else_changes(live: dict[str, Any], before: str) -> None:
    wanted = deployment("a", "b")

    after = marked(wanted, live)

    assert after["metadata"]["annotations"] == {INPUT: "a", TEMPLATE: "b", MARK: before}
    assert MARK not in wanted["metadata"]["annotations"]
    assert {key: value for key, value in after.items() if key != "metadata"} == {"spec": {}}
