"""Objects that are not the fleet's are never touched; children that somebody changed or deleted are brought back."""

from typing import Any

import pytest
from tests.apiserver.namespace import ACCELERATOR, Namespace, manifest, template
from tests.apiserver.operator_process import Operator
from tests.apiserver.waiting import eventually

from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload.labels import child_labels

CLAIM = {"cache": {"claim": {"size": "10Gi"}}}
LABELS = {"app": "of-somebody"}
POD = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "main", "image": "example.com/main:1"}]}}
FOREIGN: dict[str, dict[str, Any]] = {
    "ServiceAccount": {},
    "PersistentVolumeClaim": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    },
    "NetworkPolicy": {"spec": {"podSelector": {"matchLabels": LABELS}}},
    "Service": {"spec": {"selector": LABELS, "ports": [{"port": 80}]}},
    "PodDisruptionBudget": {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": LABELS}}},
    "Deployment": {"spec": {"replicas": 3, "selector": {"matchLabels": LABELS}, "template": POD}},
}
API_VERSIONS = {"NetworkPolicy": "networking.k8s.io/v1", "PodDisruptionBudget": "policy/v1", "Deployment": "apps/v1"}


def foreign(kind: str, *, name: str | None = None, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """Return an object of somebody else, under the name of a child of the fleet unless another is given."""
    child = "fleet-cache" if kind == "PersistentVolumeClaim" else "fleet"
    meta = {"name": name or child, "labels": labels or LABELS}
    return {"apiVersion": API_VERSIONS.get(kind, "v1"), "kind": kind, "metadata": meta} | FOREIGN[kind]


def our_labels() -> dict[str, str]:
    """Return the labels of a fleet's children."""
    return child_labels(ModelDeployment.model_validate(manifest()))


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_object_with_the_name_of_a_child_is_left_alone(
    namespace: Namespace, operator: Operator, kind: str
) -> None:
    theirs = namespace.create(foreign(kind))

    namespace.fleet(weights=CLAIM)

    said = namespace.await_condition("Accepted", "False", "NameTaken")
    assert said["message"].startswith(f'The {kind} "{theirs["metadata"]["name"]}" exists and does not belong to')
    assert namespace.get(kind, theirs["metadata"]["name"]) == theirs
    assert namespace.children() == []


@pytest.mark.parametrize("kind", [kind for kind in FOREIGN if kind != "PersistentVolumeClaim"])
def test_labels_of_ours_do_not_make_a_foreign_object_ours(namespace: Namespace, operator: Operator, kind: str) -> None:
    theirs = namespace.create(foreign(kind, labels=our_labels()))

    namespace.fleet()

    namespace.await_condition("Accepted", "False", "NameTaken")
    assert namespace.get(kind) == theirs
    assert len(namespace.children()) == 1


def test_fleet_goes_on_when_the_name_is_free(namespace: Namespace, operator: Operator) -> None:
    namespace.create(foreign("Service"))
    namespace.fleet()
    namespace.await_condition("Accepted", "False", "NameTaken")

    namespace.delete("Service")

    namespace.await_condition("Accepted", "True")
    namespace.await_deployment(replicas=1)


def test_deployment_of_another_name_with_labels_of_ours_is_left_alone(namespace: Namespace, operator: Operator) -> None:
    theirs = namespace.create(foreign("Deployment", name="canary", labels=our_labels()))

    namespace.fleet()

    namespace.await_deployment(replicas=1)
    namespace.edit(replicas=2)
    namespace.await_deployment(replicas=2)
    namespace.await_report()
    assert namespace.get("Deployment", "canary") == theirs


@pytest.mark.parametrize("kind", FOREIGN)
def test_child_that_is_deleted_comes_back(namespace: Namespace, operator: Operator, kind: str) -> None:
    name = foreign(kind)["metadata"]["name"]
    namespace.fleet(weights=CLAIM, replicas=2)
    namespace.await_deployment(replicas=2)
    before = namespace.get(kind, name)["metadata"]["uid"]
    without_finalizers(namespace, kind, name)

    namespace.delete(kind, name)

    eventually(lambda: uid(namespace, kind, name) not in (None, before), f"another {kind}")
    namespace.await_deployment(replicas=2)


EDITS: dict[str, tuple[str, dict[str, Any]]] = {
    "selector of the Service": ("Service", {"spec": {"selector": {"modelfleet.dev/fleet": "another"}}}),
    "further label in the selector of the Service": ("Service", {"spec": {"selector": {"app": "another"}}}),
    "port of the Service": ("Service", {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9000}]}}),
    "open door in the NetworkPolicy": ("NetworkPolicy", {"spec": {"ingress": [{}]}}),
    "further peer in the NetworkPolicy": (
        "NetworkPolicy",
        {"spec": {"ingress": [{"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}},
    ),
    "pods of the NetworkPolicy": ("NetworkPolicy", {"spec": {"podSelector": {"matchLabels": {"app": "another"}}}}),
    "no egress rules": ("NetworkPolicy", {"spec": {"policyTypes": ["Ingress"], "egress": None}}),
    "budget": ("PodDisruptionBudget", {"spec": {"maxUnavailable": 5}}),
    "pods of the budget": ("PodDisruptionBudget", {"spec": {"selector": {"matchLabels": {"app": "another"}}}}),
    "token of the account": ("ServiceAccount", {"automountServiceAccountToken": True}),
    "label": ("Service", {"metadata": {"labels": {"app.kubernetes.io/name": "another"}}}),
    "lost label": ("Service", {"metadata": {"labels": {"modelfleet.dev/fleet": None}}}),
    "strategy": ("Deployment", {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}),
    "nodes of the pods": ("Deployment", {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}}),
    "grace period": ("Deployment", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 30}}}}),
    "label of the pods": (
        "Deployment",
        {"spec": {"template": {"metadata": {"labels": {"modelfleet.dev/traffic": "drained"}}}}},
    ),
}


@pytest.mark.parametrize(("kind", "patch"), EDITS.values(), ids=EDITS)
def test_child_that_is_edited_is_repaired(
    namespace: Namespace, operator: Operator, kind: str, patch: dict[str, Any]
) -> None:
    namespace.fleet(hardware={"accelerator": ACCELERATOR, "nodeSelector": {"zone": "a"}})
    namespace.await_deployment()
    namespace.await_report()
    before = essence(namespace.get(kind))

    namespace.patch(kind, patch)

    eventually(lambda: essence(namespace.get(kind)) == before, f"the {kind} is as it was")


def test_container_that_is_edited_is_repaired(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    before = template(namespace.await_deployment())

    containers = [before | {"image": "example.com/other:1", "args": ["--help"]}]
    namespace.patch("Deployment", {"spec": {"template": {"spec": {"containers": containers}}}})

    eventually(lambda: template(namespace.get("Deployment")) == before, "the container is as it was")


def test_repair_that_the_api_server_refuses_is_told_and_left_to_people(
    namespace: Namespace, operator: Operator
) -> None:
    namespace.fleet()
    namespace.await_deployment()

    namespace.patch("Service", {"spec": {"ports": [{"name": "http", "port": 81, "targetPort": "http"}]}})

    said = namespace.await_condition("Accepted", "False", "ChildRefused")
    assert 'spec.ports[1].name: Duplicate value: "http"' in said["message"]
    namespace.delete("Service")
    namespace.await_condition("Accepted", "True")
    assert [port["port"] for port in namespace.get("Service")["spec"]["ports"]] == [80]


def test_child_whose_owner_somebody_removed_is_no_longer_ours(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment()
    namespace.await_report()

    freed = namespace.patch("Service", {"metadata": {"ownerReferences": None}})

    namespace.await_condition("Accepted", "False", "NameTaken")
    assert namespace.get("Service") == freed


def test_what_somebody_adds_beside_our_fields_stays(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment()

    namespace.patch("Service", {"metadata": {"annotations": {"example.com/owner": "team"}}})
    namespace.edit(engine={"maxModelLen": 4096})

    eventually(lambda: "4096" in template(namespace.get("Deployment"))["args"], "the new argument")
    assert namespace.get("Service")["metadata"]["annotations"]["example.com/owner"] == "team"


def essence(obj: dict[str, Any]) -> dict[str, Any]:
    """Return what an object says, without who said it and when."""
    volatile = ("managedFields", "resourceVersion", "generation")
    meta = {key: value for key, value in obj["metadata"].items() if key not in volatile}
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": meta}


def uid(namespace: Namespace, kind: str, name: str) -> str | None:
    """Return the uid of an object, or None."""
    found = namespace.find(kind, name)
    return found["metadata"]["uid"] if found else None


def without_finalizers(namespace: Namespace, kind: str, name: str) -> None:
    """Remove what keeps an object from going until a controller has looked, where there are no controllers."""
    namespace.patch(kind, {"metadata": {"finalizers": None}}, name)
