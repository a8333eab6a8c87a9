"""A new size is no new template: it does not take Ready away, not for a moment."""

from typing import Any

import pytest
from tests.workload.fleets import child, fleet
from tests.workload.status.pods import Pod, pod

from modelfleet.workload.status.observed import Observed

HASH = "modelfleet.dev/template-hash"


def made_from(template: str, name: str = "llama-1") -> Pod:
    one = pod(name, ready=True)
    one["metadata"]["labels"][HASH] = template
    return one


def just_written(template: str) -> dict[str, Any]:
    """Return a Deployment whose controller has not looked at its latest spec."""
    counts = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
    return {"metadata": {"generation": 2, "annotations": {HASH: template}}, "spec": {"replicas": 3}, "status": counts}


@pytest.mark.parametrize(
    ("pods", "current"),
    [
        pytest.param([made_from("new")], True, id="only its size is new"),
        pytest.param([made_from("new"), made_from("old", "llama-2")], False, id="its template is new"),
        pytest.param([pod(ready=True)], False, id="pods that do not say"),
        pytest.param([], True, id="no pods yet, so that none is replaced"),
    ],
)
def test_until_the_controller_has_looked_the_pods_tell(pods: list[Pod], *, current: bool) -> None:
    assert Observed(just_written("new"), pods, {}).is_current is current


def test_pods_carry_the_digest_that_their_deployment_has() -> None:
    deployment = child("Deployment", fleet())
    labels = deployment["spec"]["template"]["metadata"]["labels"]

    assert labels[HASH] == deployment["metadata"]["annotations"][HASH]
    assert HASH not in deployment["spec"]["selector"]["matchLabels"]
