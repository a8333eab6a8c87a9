"""Only what the fleet made is the fleet's."""

from typing import Any

import pytest
from tests.workload.fleets import child, fleet, manifest

from modelfleet.workload.ownership import belongs_to, is_owned

LABELS = {"app.kubernetes.io/managed-by": "modelfleet", "modelfleet.dev/fleet": "llama"}
OWNER = {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ModelDeployment", "name": "llama", "uid": "uid-of-llama"}
FLEET = manifest("llama")


def obj(kind: str, *, labels: Any = None, owners: Any = None) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "llama", "labels": labels, "ownerReferences": owners}}


@pytest.mark.parametrize(
    ("child", "is_ours"),
    [
        pytest.param(obj("Service", owners=[OWNER | {"controller": True}]), True, id="its controller is the fleet"),
        pytest.param(obj("Service", labels=LABELS), False, id="labels alone prove nothing"),
        pytest.param(obj("Service", labels=LABELS, owners=[OWNER]), False, id="an owner that does not control it"),
        pytest.param(
            obj("Service", labels=LABELS, owners=[OWNER | {"controller": True, "uid": "older"}]),
            True,
            id="an earlier fleet of the same name",
        ),
        pytest.param(
            obj("Service", labels=LABELS, owners=[OWNER | {"controller": True, "uid": "u", "kind": "CachePolicy"}]),
            False,
            id="another kind of the same name",
        ),
        pytest.param(obj("PersistentVolumeClaim", labels=LABELS), True, id="a claim that was retained"),
        pytest.param(obj("PersistentVolumeClaim"), False, id="somebody's claim of the same name"),
        pytest.param(
            obj("PersistentVolumeClaim", labels=LABELS | {"modelfleet.dev/fleet": "other"}),
            False,
            id="a claim retained by another fleet",
        ),
        pytest.param(
            obj("PersistentVolumeClaim", labels=LABELS, owners=[{"uid": "older", "controller": True}]),
            False,
            id="a claim that somebody owns",
        ),
    ],
)
def test_belonging(child: dict[str, Any], *, is_ours: bool) -> None:
    assert belongs_to(child, FLEET) is is_ours


@pytest.mark.parametrize("kind", ["Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"])
def test_what_a_plan_makes_belongs_to_its_fleet(kind: str) -> None:
    made = child(kind, fleet("llama"))

    assert is_owned(made, "uid-of-llama")
    assert belongs_to(made, FLEET)
    assert not belongs_to(made, manifest("other"))
