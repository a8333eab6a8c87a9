"""The size belongs to our scale manager; a foreign scaler is told, and left alone until the user speaks."""

from typing import Any

import pytest

from modelfleet.api.conditions import Reason
from modelfleet.workload.scale import is_handed_over, owners_of_replicas, scaling

OURS, SCALE, FOREIGN = "modelfleet", "modelfleet-scale", "kubectl"


def deployment(*owners: str, replicas: int = 3) -> dict[str, Any]:
    entries = [{"manager": owner, "fieldsV1": {"f:spec": {"f:replicas": {}}}} for owner in owners]
    others = [{"manager": "kube-controller-manager", "fieldsV1": {"f:status": {}}}, {"manager": "old"}]
    return {"metadata": {"managedFields": [*entries, *others]}, "spec": {"replicas": replicas}}


@pytest.mark.parametrize(
    ("live", "desired", "before", "written", "reason"),
    [
        pytest.param(None, 3, None, 3, Reason.OWNED, id="there is no Deployment yet"),
        pytest.param(deployment(OURS, replicas=0), 3, None, 3, Reason.OWNED, id="just created"),
        pytest.param(deployment(OURS, replicas=0), 0, None, 0, Reason.OWNED, id="just created, to stay at nothing"),
        pytest.param(deployment(OURS, SCALE), 3, 3, None, Reason.OWNED, id="handed over, and not yet left out"),
        pytest.param(deployment(SCALE), 3, 3, None, Reason.OWNED, id="nothing to do"),
        pytest.param(deployment(SCALE), 5, 3, 5, Reason.OWNED, id="the user asks for more"),
        pytest.param(deployment(SCALE), 0, 3, 0, Reason.OWNED, id="the user asks for none"),
        pytest.param(deployment(SCALE, replicas=5), 3, 3, 3, Reason.OWNED, id="an older write of ours was lost"),
        pytest.param(deployment(FOREIGN, replicas=5), 3, 3, None, Reason.FOREIGN_SCALER, id="somebody else scaled"),
        pytest.param(
            deployment(FOREIGN, replicas=5), 3, None, None, Reason.FOREIGN_SCALER, id="a scaler before the first status"
        ),
        pytest.param(
            deployment(FOREIGN, OURS, replicas=5), 3, 3, None, Reason.FOREIGN_SCALER, id="a scaler during the hand-over"
        ),
        pytest.param(deployment(FOREIGN, replicas=5), 4, 3, 4, Reason.OWNED, id="the user spoke after the scaler"),
        pytest.param(deployment(FOREIGN, replicas=5), 5, 3, 5, Reason.OWNED, id="the user agrees with the scaler"),
        pytest.param(deployment(FOREIGN), 3, 3, 3, Reason.OWNED, id="the scaler put it back"),
        pytest.param(deployment(FOREIGN, SCALE), 3, 3, None, Reason.OWNED, id="owned together, at the same size"),
        pytest.param(deployment(), 3, 3, 3, Reason.OWNED, id="nobody owns it"),
    ],
)
def test_who_sets_the_size(
    live: dict[str, Any] | None, desired: int, before: int | None, written: int | None, reason: Reason
) -> None:
    result = scaling(live, desired=desired, previously_desired=before, suspended=False)

    assert (result.desired, result.replicas, result.finding.reason) == (desired, written, reason)
    assert result.finding.status == ("False" if reason is Reason.FOREIGN_SCALER else "True")


def test_the_message_names_the_scaler_and_both_sizes() -> None:
    live = deployment("keda", "argocd", replicas=5)

    message = scaling(live, desired=3, previously_desired=3, suspended=False).finding.message

    assert message.startswith("argocd, keda set the Deployment to 5 replicas, the spec says 3: remove that scaler")


def test_a_suspended_fleet_is_never_scaled() -> None:
    lives = (None, deployment(OURS, replicas=0), deployment(SCALE, replicas=9), deployment(FOREIGN, replicas=9))

    results = [scaling(live, desired=3, previously_desired=2, suspended=True) for live in lives]

    assert {(result.replicas, result.finding.reason) for result in results} == {(None, Reason.SUSPENDED)}


def test_writing_the_size_settles_it() -> None:
    written = scaling(deployment(OURS, replicas=0), desired=3, previously_desired=None, suspended=False).replicas
    after = scaling(deployment(OURS, SCALE, replicas=written or 0), desired=3, previously_desired=3, suspended=False)

    assert after.replicas is None


def test_ownership_is_read_from_managed_fields_in_every_shape() -> None:
    bare: dict[str, Any] = {"metadata": {}, "spec": {"replicas": 1}}

    assert owners_of_replicas(bare) == frozenset()
    assert owners_of_replicas(deployment(OURS, SCALE)) == {OURS, SCALE}
    assert (is_handed_over(deployment(OURS)), is_handed_over(deployment(OURS, SCALE))) == (False, True)
