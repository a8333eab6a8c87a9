"""Who sets the size of a fleet, and what suspension and deletion do."""

from typing import Any

import pytest
from tests.apiserver.namespace import Namespace, owners, template
from tests.apiserver.operator_process import Operator
from tests.apiserver.waiting import eventually

CLAIM = {"cache": {"claim": {"size": "10Gi"}}}


def test_kubectl_scale_sets_the_size(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment(replicas=1)

    scaled = namespace.kubectl("scale", "mdep/fleet", "--replicas=3")

    assert scaled.succeeded, scaled.text
    namespace.await_deployment(replicas=3)
    assert namespace.await_report()["status"]["desiredReplicas"] == 3


def test_size_of_zero_is_kept_from_the_first_moment(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(replicas=0)

    namespace.await_deployment(replicas=0)

    namespace.edit(engine={"maxModelLen": 4096})
    eventually(lambda: "4096" in template(namespace.get("Deployment"))["args"], "the new argument")
    assert namespace.get("Deployment")["spec"]["replicas"] == 0


def test_foreign_scaler_is_reported_and_not_fought(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment(replicas=1)

    namespace.kubectl("scale", "deployment/fleet", "--replicas=5")

    said = namespace.await_condition("AbleToScale", "False", "ForeignScaler")
    assert said["message"] == (
        "kubectl set the Deployment to 5 replicas, the spec says 1: remove that scaler, "
        "then change the size with `kubectl scale mdep` to take it back."
    )
    namespace.edit(engine={"maxModelLen": 4096})
    eventually(lambda: "4096" in template(namespace.get("Deployment"))["args"], "the new argument")
    namespace.await_report()
    assert namespace.get("Deployment")["spec"]["replicas"] == 5
    assert namespace.condition("AbleToScale")["status"] == "False"


def test_kubectl_scale_of_the_fleet_takes_the_size_back(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment(replicas=1)
    namespace.kubectl("scale", "deployment/fleet", "--replicas=5")
    namespace.await_condition("AbleToScale", "False", "ForeignScaler")

    namespace.kubectl("scale", "mdep/fleet", "--replicas=2")

    namespace.await_deployment(replicas=2)
    namespace.await_condition("AbleToScale", "True", "Owned")


def test_fleet_scaled_to_what_a_foreign_scaler_chose_is_its_own_again(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment(replicas=1)
    namespace.kubectl("scale", "deployment/fleet", "--replicas=5")
    namespace.await_condition("AbleToScale", "False", "ForeignScaler")

    namespace.kubectl("scale", "mdep/fleet", "--replicas=5")

    namespace.await_condition("AbleToScale", "True", "Owned")
    eventually(
        lambda: "modelfleet-scale" in owners(namespace.get("Deployment"), "replicas"), "our manager owns the size"
    )


HALTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "suspended": ({"suspend": True}, {"suspend": False}),
    "refused": ({"engine": {"tensorParallelSize": 3}}, {"engine": {"tensorParallelSize": 1}}),
}


@pytest.mark.parametrize(("halt", "go_on"), HALTS.values(), ids=HALTS)
def test_size_asked_for_while_a_fleet_is_halted_is_taken_back_when_it_goes_on(
    namespace: Namespace, operator: Operator, halt: dict[str, Any], go_on: dict[str, Any]
) -> None:
    namespace.fleet()
    namespace.await_deployment(replicas=1)
    namespace.kubectl("scale", "deployment/fleet", "--replicas=5")
    namespace.await_condition("AbleToScale", "False", "ForeignScaler")
    namespace.edit(**halt)
    namespace.await_report()
    namespace.kubectl("scale", "mdep/fleet", "--replicas=2")
    namespace.await_report()

    namespace.edit(**go_on)

    namespace.await_deployment(replicas=2)
    namespace.await_condition("AbleToScale", "True", "Owned")


def test_suspended_fleet_changes_nothing_until_it_goes_on(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment(replicas=1)
    namespace.edit(suspend=True)
    namespace.await_condition("Progressing", "False", "Suspended")
    before = namespace.versions()

    namespace.edit(engine={"maxModelLen": 4096}, replicas=3, pod={"serviceAccountName": "of-the-team"})
    namespace.delete("Service")
    namespace.await_condition("Progressing", "False", "Suspended")

    without_service = {key: version for key, version in before.items() if key[0] != "Service"}
    assert namespace.versions() == without_service
    namespace.edit(suspend=False)
    namespace.await_deployment(replicas=3)
    eventually(lambda: "4096" in template(namespace.get("Deployment"))["args"], "the new argument")
    eventually(lambda: namespace.find("Service"), "the Service is back")
    eventually(lambda: namespace.find("ServiceAccount") is None, "the account is gone")


def test_deleted_fleet_leaves_the_claim_and_nothing_of_its_own(namespace: Namespace, operator: Operator) -> None:
    uid = namespace.fleet(weights=CLAIM)["metadata"]["uid"]
    namespace.await_deployment()
    owned = {child["metadata"]["name"]: child["metadata"].get("ownerReferences") for child in namespace.children()}

    deleted = namespace.kubectl("delete", "mdep/fleet", "--timeout=10s")

    assert deleted.succeeded, deleted.text
    assert namespace.find("ModelDeployment") is None
    assert owned.pop("fleet-cache") is None
    assert {tuple(reference["uid"] for reference in references or ()) for references in owned.values()} == {(uid,)}
    assert namespace.get("PersistentVolumeClaim", "fleet-cache")["spec"]["resources"]["requests"]["storage"] == "10Gi"


def test_fleet_of_the_same_name_takes_the_claim_up_again(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(weights=CLAIM)
    namespace.await_deployment()
    claim = namespace.get("PersistentVolumeClaim", "fleet-cache")["metadata"]["uid"]
    remove(namespace)

    namespace.fleet(weights=CLAIM)

    namespace.await_condition("Accepted", "True")
    namespace.await_deployment()
    assert namespace.get("PersistentVolumeClaim", "fleet-cache")["metadata"]["uid"] == claim


def test_fleet_made_again_takes_over_what_the_old_one_left(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    old = namespace.await_deployment()["metadata"]["uid"]
    namespace.delete("ModelDeployment")

    uid = namespace.fleet(replicas=2)["metadata"]["uid"]

    namespace.await_condition("Accepted", "True")
    assert namespace.await_deployment(replicas=2)["metadata"]["uid"] == old
    owners_of_children = [child["metadata"]["ownerReferences"] for child in namespace.children()]
    assert {reference["uid"] for references in owners_of_children for reference in references} == {uid}


def test_claim_that_goes_with_its_fleet_is_owned(namespace: Namespace, operator: Operator) -> None:
    uid = namespace.fleet(weights={"cache": {"claim": {"size": "10Gi", "deletionPolicy": "Delete"}}})["metadata"]["uid"]
    namespace.await_deployment()
    owned = namespace.get("PersistentVolumeClaim", "fleet-cache")["metadata"]["ownerReferences"]

    namespace.edit(weights={"cache": {"claim": {"deletionPolicy": "Retain"}}})

    assert [reference["uid"] for reference in owned] == [uid]
    eventually(lambda: "ownerReferences" not in claim_meta(namespace), "the claim has no owner")


def claim_meta(namespace: Namespace) -> dict[str, object]:
    """Return the metadata of the fleet's claim."""
    meta: dict[str, object] = namespace.get("PersistentVolumeClaim", "fleet-cache")["metadata"]
    return meta


def remove(namespace: Namespace) -> None:
    """Delete the fleet, and what a garbage collector deletes then."""
    namespace.delete("ModelDeployment")
    remove_children(namespace)


def remove_children(namespace: Namespace) -> None:
    """Delete what a garbage collector deletes when the fleet is gone."""
    for child in namespace.children():
        if child["metadata"].get("ownerReferences"):
            namespace.delete(child["kind"], child["metadata"]["name"])
