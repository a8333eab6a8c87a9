"""A turn ends with the rollout it was taken for, whatever happens to the pods afterwards."""

from typing import Any

import pytest

from modelfleet.workload.updates import free_turns, is_rolling_for_operator

THROUGH = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
UNDER_WAY = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
OVERDUE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def marked(*conditions: Any, seen: int = 4, updated: int = 3, available: int = 2, before: str = "true") -> Any:
    """Return a Deployment with the mark; *before* the change as many pods were available, or it does not say."""
    counts = {"observedGeneration": seen, "replicas": 3, "updatedReplicas": updated, "availableReplicas": available}
    meta = {"generation": 4, "annotations": {"modelfleet.dev/operator-change": before}}
    return {"metadata": meta, "spec": {"replicas": 3}, "status": counts | {"conditions": [*conditions]}}


@pytest.mark.parametrize(
    ("live", "rolling"),
    [
        pytest.param(marked(THROUGH), False, id="a pod failed after the rollout"),
        pytest.param(marked(THROUGH, seen=3), True, id="a template that the controller has not seen"),
        pytest.param(marked(THROUGH, updated=0), True, id="a return to a former template, which is not told at first"),
        pytest.param(marked(UNDER_WAY), True, id="the last pod still loads"),
        pytest.param(marked(OVERDUE), True, id="a change that breaks goes no further"),
        pytest.param(marked(), True, id="nothing is said"),
        pytest.param(marked(OVERDUE, before="3"), True, id="a change that cost a pod goes no further"),
        pytest.param(marked(UNDER_WAY, before="2"), False, id="a pod was missing before, and no more are now"),
        pytest.param(marked(UNDER_WAY, before="2", updated=1), True, id="a pod was missing, and the rest is replaced"),
        pytest.param(marked(OVERDUE, before="2", updated=1), False, id="a pod was missing, and the rest cannot be"),
        pytest.param(marked(OVERDUE, before="2", updated=1, available=1), True, id="a pod was missing, now two are"),
        pytest.param(marked(UNDER_WAY, before="0", available=0), True, id="none ever served, and they still load"),
        pytest.param(marked(UNDER_WAY, before="0", available=1), False, id="none served before, and one does now"),
        pytest.param(marked(OVERDUE, before="0", available=0), False, id="none ever served, and none will"),
    ],
)
def test_a_turn_lasts_as_long_as_its_rollout(live: Any, *, rolling: bool) -> None:
    assert is_rolling_for_operator(live) is rolling
    assert free_turns([live], at_most=1) == (0 if rolling else 1)
