"""kstatus: whoever waits for a fleet is told when waiting is in vain."""

from typing import Any

import pytest
from tests.workload.status.pods import pod

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.served_names import Verdict
from modelfleet.workload.status.conditions import Judgement, conditions
from modelfleet.workload.status.observed import Observed

ACCEPTED = Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED)
OWNED = Finding(ConditionType.ABLE_TO_SCALE, "True", Reason.OWNED)
FOREIGN = Finding(ConditionType.ABLE_TO_SCALE, "False", Reason.FOREIGN_SCALER, "kubectl set it to 0.")
OVERDUE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
NO_QUOTA = {"type": "ReplicaFailure", "status": "True", "message": "pods is forbidden: exceeded quota: gpus"}


def deployment(replicas: int, *said: Any, created: int | None = None) -> Any:
    pods = replicas if created is None else created
    counts = {"observedGeneration": 1, "replicas": pods, "updatedReplicas": pods, "conditions": list(said)}
    return {"metadata": {"name": "llama", "generation": 1}, "spec": {"replicas": replicas}, "status": counts}


def findings(live: Any, *pods: Any, desired: int, scale: Finding = OWNED) -> dict[str, Finding]:
    judgement = Judgement(
        accepted=ACCEPTED, names=Verdict(frozenset()), fits=None, scale=scale, desired=desired, suspended=False
    )
    return {finding.type.value: finding for finding in conditions(judgement, Observed(live, pods, {}))}


@pytest.mark.parametrize(
    ("live", "scale", "stalled"),
    [
        pytest.param(deployment(1, NO_QUOTA, created=0), OWNED, "False", id="a quota that may be free soon"),
        pytest.param(deployment(1, OVERDUE, NO_QUOTA, created=0), OWNED, "True", id="a quota for too long"),
        pytest.param(deployment(0), FOREIGN, "True", id="somebody else took all replicas"),
    ],
)
def test_a_fleet_that_is_not_ready_works_or_is_stalled(live: Any, scale: Finding, stalled: str) -> None:
    found = findings(live, desired=1, scale=scale)

    assert found["Ready"].status == "False"
    assert (found["Stalled"].status, found["Reconciling"].status) == (stalled, "False" if stalled == "True" else "True")
    assert found["Stalled"].reason == found["Ready"].reason


def test_a_size_that_somebody_else_set_is_not_said_to_be_the_specs() -> None:
    ready = pod(ready=True)

    ours, theirs = (findings(deployment(1), ready, desired=n, scale=s) for n, s in ((1, OWNED), (3, FOREIGN)))

    assert ours["Progressing"].message == "The fleet is as its spec says."
    assert theirs["Progressing"].message == "The fleet is as its spec says, except for its size."
