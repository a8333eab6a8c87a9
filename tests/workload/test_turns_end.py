"""A turn ends with the rollout it was taken for, whatever happens to the pods afterwards."""

from typing import Any

import pytest

from modelfleet.workload.updates import free_turns, is_rolling_for_operator

THROUGH = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
UNDER_WAY = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
OVERDUE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def marked(*conditions: Any, seen: int = 4, updated: int = 3) -> Any:
    """Return a Deployment with the mark, one of whose pods is not available."""
    counts = {"observedGeneration": seen, "replicas": 3, "updatedReplicas": updated, "availableReplicas": 2}
    meta = {"generation": 4, "annotations": {"modelfleet.dev/operator-change": "true"}}
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
    ],
)
def test_a_turn_lasts_as_long_as_its_rollout(live: Any, *, rolling: bool) -> None:
    assert is_rolling_for_operator(live) is rolling
    assert free_turns([live], at_most=1) == (0 if rolling else 1)
