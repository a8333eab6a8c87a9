"""What a platform team does every day: apply again, resize, suspend, delete, and leave alone."""

import pytest
import yaml

from e2e.cluster import Json, Namespace, eventually, name_of, small_fleet
from e2e.installation import OPERATOR_NAMESPACE
from e2e.operators import Operators

FLEETS = ("same", "sized", "paused", "doomed")
CHILDREN = "deployments,services,serviceaccounts,poddisruptionbudgets,networkpolicies"


@pytest.fixture(scope="module")
def serving(shared_namespace: Namespace) -> Namespace:
    """A fleet for each story."""
    shared_namespace.apply(*map(small_fleet, FLEETS))
    for fleet in FLEETS:
        shared_namespace.wait_ready(fleet)
    return shared_namespace


def test_applying_twice_changes_nothing(serving: Namespace) -> None:
    """`kubectl diff` shows nothing, and the second apply leaves the object as it is."""
    before = serving.get("modeldeployments", "same")["metadata"]
    manifest = yaml.safe_dump(small_fleet("same"))

    assert serving.kubectl("diff", "--filename", "-", stdin=manifest) == ""
    assert "unchanged" in serving.apply(small_fleet("same"))
    assert serving.get("modeldeployments", "same")["metadata"]["resourceVersion"] == before["resourceVersion"]


def test_each_field_of_the_deployment_has_one_manager(serving: Namespace) -> None:
    """The template belongs to the operator's apply, the size to its scale manager, and to nobody else."""
    managed = serving.get("deployments", "same")["metadata"]["managedFields"]
    spec_owners = {entry["manager"]: set(entry["fieldsV1"].get("f:spec", {})) for entry in managed}

    assert "f:template" in spec_owners["modelfleet"]
    assert [manager for manager, fields in spec_owners.items() if "f:replicas" in fields] == ["modelfleet-scale"]
    assert [manager for manager, fields in spec_owners.items() if "f:template" in fields] == ["modelfleet"]


def test_scale_works_both_ways(serving: Namespace) -> None:
    """`kubectl scale mdep` sets the number of pods, which the scale subresource shows."""
    serving.kubectl("scale", "mdep", "sized", "--replicas", "2")
    serving.wait_ready("sized", replicas=2)

    assert serving.kubectl("get", "mdep", "sized", "--subresource=scale", "-o", "jsonpath={.status.replicas}") == "2"

    serving.kubectl("scale", "mdep", "sized", "--replicas", "1")
    serving.wait_ready("sized", replicas=1)


def test_suspend_holds_changes_back_until_it_is_lifted(serving: Namespace) -> None:
    """While `suspend` is true the Deployment stays as it is, whatever the spec says, and serves on."""
    before = _deployment(serving, "paused")
    serving.patch("paused", {"suspend": True, "replicas": 2, "engine": {"maxNumSeqs": 16}})
    serving.wait_for("paused", "Suspended", kind="Progressing")

    assert _deployment(serving, "paused")["metadata"]["generation"] == before["metadata"]["generation"]
    assert serving.condition("paused").status == "True"

    serving.patch("paused", {"suspend": False})
    serving.wait_ready("paused", replicas=2)

    assert "16" in _deployment(serving, "paused")["spec"]["template"]["spec"]["containers"][0]["args"]


def test_deleting_a_fleet_takes_its_children_along(serving: Namespace) -> None:
    """Nothing with the fleet's label is left."""
    serving.kubectl("delete", "mdep", "doomed")

    def are_gone() -> bool:
        return not serving.kubectl("get", f"{CHILDREN},pods", "-l", "modelfleet.dev/fleet=doomed", "-o", "name")

    eventually(are_gone, seconds=60, what="the end of all children")


def test_a_restarted_operator_writes_nothing_that_is_there(serving: Namespace) -> None:
    """Two new replicas look at every fleet again; only the one that was changed meanwhile is written."""
    operators, mark = Operators(serving.lab), serving.lab.writes_position()
    restart = ("deployment/modelfleet-operator", "--namespace", OPERATOR_NAMESPACE)
    serving.lab.kubectl("rollout", "restart", *restart)
    serving.lab.kubectl("rollout", "status", *restart, "--timeout=60s")
    serving.patch("sized", {"engine": {"maxNumSeqs": 8}})
    serving.wait_ready("sized", replicas=1)
    written = [write for write in operators.writes(after=mark) if write.namespace == serving.name]

    assert operators.leader() in map(name_of, operators.pods())
    assert [write for write in written if not write.name.startswith("sized")] == []


def _deployment(namespace: Namespace, fleet: str) -> Json:
    return namespace.get("deployments", fleet)
