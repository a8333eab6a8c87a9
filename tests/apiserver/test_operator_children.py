"""What comes of a fleet that is applied: children with owners and labels, one manager per field, status, events."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.api.specs.manifests import bases
from tests.apiserver.namespace import ACCELERATOR, Namespace, manifest, owners, template
from tests.apiserver.operator_process import Operator
from tests.apiserver.waiting import eventually

from modelfleet.api.names import FLEET_LABEL, MANAGED_BY_LABEL, NAME_LABEL
from modelfleet.cli import main

KINDS = ("ServiceAccount", "NetworkPolicy", "Service", "PodDisruptionBudget", "Deployment")
MANAGERS = {"Deployment": {"modelfleet", "modelfleet-scale"}}


@pytest.fixture
def fleet(namespace: Namespace, operator: Operator) -> dict[str, Any]:
    """Return a minimal fleet whose Deployment is handed over and whose status is reported."""
    namespace.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(manifest()))
    namespace.await_deployment(replicas=1)
    return namespace.await_report()


@pytest.mark.parametrize("kind", KINDS)
def test_every_child_is_there_owned_and_labelled(namespace: Namespace, fleet: dict[str, Any], kind: str) -> None:
    meta = namespace.get(kind)["metadata"]

    assert meta["ownerReferences"] == [
        {
            "apiVersion": "modelfleet.dev/v1alpha1",
            "kind": "ModelDeployment",
            "name": "fleet",
            "uid": fleet["metadata"]["uid"],
            "controller": True,
        }
    ]
    assert {name: meta["labels"][name] for name in (MANAGED_BY_LABEL, NAME_LABEL, FLEET_LABEL)} == {
        MANAGED_BY_LABEL: "modelfleet",
        NAME_LABEL: "fleet",
        FLEET_LABEL: "fleet",
    }


def test_deployment_gets_its_size_through_the_scale_manager(namespace: Namespace, fleet: dict[str, Any]) -> None:
    deployment = namespace.get("Deployment")

    assert deployment["spec"]["replicas"] == 1
    assert owners(deployment, "replicas") == ["modelfleet-scale"]
    assert template(deployment)["command"] == ["vllm", "serve"]
    assert template(deployment)["resources"]["limits"] == {"nvidia.com/gpu": "1"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_field_has_one_manager(namespace: Namespace, fleet: dict[str, Any], kind: str) -> None:
    managers = field_managers(namespace.get(kind))

    assert {path: names for path, names in managers.items() if len(names) > 1} == {}
    assert {name for names in managers.values() for name in names} == MANAGERS.get(kind, {"modelfleet"})


def test_operator_owns_nothing_of_a_fleet_but_its_status(namespace: Namespace, fleet: dict[str, Any]) -> None:
    managers = field_managers(fleet)

    ours = {path for path, names in managers.items() if "modelfleet-status" in names}
    assert ours
    assert all(path.startswith("f:status") for path in ours)
    assert all(names == {"modelfleet-status"} for path, names in managers.items() if path.startswith("f:status"))


def test_status_says_what_is(namespace: Namespace, fleet: dict[str, Any]) -> None:
    status = fleet["status"]

    conditions = {condition["type"]: (condition["status"], condition["reason"]) for condition in status["conditions"]}
    assert conditions == {
        "Ready": ("False", "Loading"),
        "Accepted": ("True", "Accepted"),
        "NamesAccepted": ("True", "Accepted"),
        "Fits": ("True", "Fits"),
        "Available": ("False", "Loading"),
        "Progressing": ("True", "Loading"),
        "AbleToScale": ("True", "Owned"),
        "Reconciling": ("True", "Loading"),
        "Stalled": ("False", "Loading"),
    }
    assert status["desiredReplicas"] == 1
    assert (status["replicas"], status["readyReplicas"]) == (0, 0)
    assert status["selector"] == "modelfleet.dev/fleet=fleet"
    assert status["servedNames"] == ["fleet"]
    assert status["endpoint"] == f"http://fleet.{namespace.name}.svc/v1"
    assert status["fit"]["tensorParallelSize"] == 1
    assert status["cost"] == {"hourlyCents": 0}


def test_what_turns_is_told_once_as_an_event(namespace: Namespace, operator: Operator) -> None:
    fleet = namespace.fleet(replicas=0)
    namespace.await_deployment(replicas=0)
    namespace.finish_rollout()
    namespace.await_condition("Ready", "True", "Asleep")

    eventually(namespace.events, "an event")

    said = [(event["reason"], event["type"], event["note"]) for event in namespace.events()]
    assert said == [("Asleep", "Normal", "The fleet has no replicas, as its size says.")]
    assert namespace.events()[0]["regarding"]["uid"] == fleet["metadata"]["uid"]


def test_applying_a_manifest_again_shows_no_difference(namespace: Namespace, fleet: dict[str, Any]) -> None:
    text = yaml.safe_dump(manifest())

    again = namespace.kubectl("apply", "-f", "-", stdin=text)
    difference = namespace.kubectl("diff", "-f", "-", stdin=text)

    assert again.text.rstrip().endswith("unchanged")
    assert (difference.succeeded, difference.text) == (True, "")


def test_children_as_rendered_offline_show_no_difference(namespace: Namespace, fleet: dict[str, Any]) -> None:
    rendered = CliRunner().invoke(main, ["render", "-f", "-"], input=yaml.safe_dump(manifest(namespace=namespace.name)))

    difference = namespace.kubectl("diff", "-f", "-", stdin=rendered.stdout)

    assert sorted(child["kind"] for child in yaml.safe_load_all(rendered.stdout)) == sorted(KINDS)
    assert (difference.succeeded, difference.text) == (True, "")


def test_fleet_with_everything_comes_up(namespace: Namespace, operator: Operator) -> None:
    namespace.create(bases()["everything"])

    deployment = namespace.await_deployment("everything", replicas=3)
    report = namespace.await_report("everything")
    assert template(deployment)["resources"]["limits"] == {"nvidia.com/gpu": "8"}
    assert namespace.get("PersistentVolumeClaim", "everything-cache")["spec"]["storageClassName"] == "shared"
    assert namespace.find("ServiceAccount", "everything") is None
    assert namespace.condition("Accepted", "everything")["status"] == "True", report["status"]


def test_fleet_of_no_replicas_is_ready_and_asleep(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(replicas=0)
    namespace.await_deployment(replicas=0)

    namespace.finish_rollout()

    namespace.await_condition("Ready", "True", "Asleep")
    waited = namespace.kubectl("wait", "--for=condition=Ready", "mdep/fleet", "--timeout=5s")
    assert waited.succeeded, waited.text


def test_change_of_the_spec_reaches_the_deployment(namespace: Namespace, fleet: dict[str, Any]) -> None:
    namespace.edit(engine={"maxModelLen": 4096})

    eventually(lambda: "4096" in template(namespace.get("Deployment"))["args"], "the new argument")
    assert owners(namespace.get("Deployment"), "replicas") == ["modelfleet-scale"]


def test_field_that_is_removed_leaves_the_deployment(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(hardware={"accelerator": ACCELERATOR, "nodeSelector": {"zone": "a"}})
    selector = namespace.await_deployment()["spec"]["template"]["spec"]["nodeSelector"]

    namespace.edit(hardware={"nodeSelector": None})

    assert "zone" in selector
    eventually(lambda: "zone" not in pod_spec(namespace)["nodeSelector"], "no node selector of the user's")


def test_child_that_is_no_longer_asked_for_is_pruned(namespace: Namespace, fleet: dict[str, Any]) -> None:
    namespace.edit(pod={"serviceAccountName": "of-the-team"})

    eventually(lambda: namespace.find("ServiceAccount") is None, "the account is gone")
    assert pod_spec(namespace)["serviceAccountName"] == "of-the-team"


def field_managers(obj: dict[str, Any]) -> dict[str, set[str]]:
    """Return who manages each field of an object, by its path in managed fields."""
    found: dict[str, set[str]] = {}
    for entry in obj["metadata"]["managedFields"]:
        for path in leaves(entry["fieldsV1"]):
            found.setdefault(path, set()).add(entry["manager"])
    return found


def leaves(fields: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the paths of a tree of managed fields that have nothing below them."""
    for name, below in fields.items():
        path = f"{prefix}/{name}".lstrip("/")
        if below:
            yield from leaves(below, path)
        else:
            yield path


def pod_spec(namespace: Namespace) -> dict[str, Any]:
    """Return the pod's spec of the fleet's Deployment."""
    spec: dict[str, Any] = namespace.get("Deployment")["spec"]["template"]["spec"]
    return spec
