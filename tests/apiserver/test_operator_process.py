"""The process: what it answers, what it says without writing, and how it bears a CRD of another version."""

from collections.abc import Iterator
from typing import Any

import pytest
from e2e.lab import audit
from tests.apiserver.client import Client
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.namespace import Namespace, owners
from tests.apiserver.operator_process import Operator, Operators
from tests.apiserver.waiting import eventually

from modelfleet.api.kinds import CACHE_POLICY, MODEL_DEPLOYMENT
from modelfleet.api.schema.crd import crd

DEFINITION, POLICIES = crd(MODEL_DEPLOYMENT), crd(CACHE_POLICY)


def test_probes_and_metrics_are_answered(operator: Operator) -> None:
    live, ready, metrics = (operator.get(path) for path in ("/healthz", "/readyz", "/metrics"))

    assert (live.status_code, live.text) == (200, "watches: ok\n")
    assert (ready.status_code, ready.text) == (200, "caches: ok\n")
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert operator.metric("modelfleet_leader") == 1
    assert operator.metric("modelfleet_crd_skew", kind="ModelDeployment") == 0


def test_read_only_operator_says_what_it_would_do_and_writes_nothing(
    namespace: Namespace, nobody: Operators, plane: ControlPlane
) -> None:
    writing = nobody.start()
    namespace.fleet("known", weights={"cache": {"claim": {"size": "10Gi", "deletionPolicy": "Delete"}}})
    namespace.await_deployment("known")
    namespace.await_report("known")
    writing.stop()
    mark = audit.position(plane.audit_log)

    reading = nobody.start("operator-b", read_only=True)
    namespace.fleet("fresh")
    namespace.edit("known", engine={"maxModelLen": 4096}, weights={"cache": None}, replicas=2)

    told = {("would apply", "deployments", "fresh"), ("would apply", "deployments", "known")}
    told |= {("would delete", "persistentvolumeclaims", "known-cache"), ("would report", "modeldeployments", "fresh")}
    eventually(lambda: told <= announced(reading), "every write that there would be")
    sizes = [(record["object"], record["subresource"]) for record in reading.said("would apply")]
    assert {("fresh", "scale"), ("known", "scale")} <= set(sizes)
    assert audit.writes(plane.audit_log, after=mark) == []
    assert namespace.find("Deployment", "fresh") is None


DIES_BEFORE_THE_HAND_OVER = """
import os
from modelfleet.controller.reconcile.apply import Applier
Applier._scale = lambda *_: os._exit(1)
"""


@pytest.mark.parametrize("replicas", [2, 0])
def test_hand_over_that_was_cut_short_is_finished_by_the_next_operator(
    namespace: Namespace, nobody: Operators, replicas: int
) -> None:
    first = nobody.start(prelude=DIES_BEFORE_THE_HAND_OVER)
    namespace.fleet(replicas=replicas)
    eventually(lambda: first.process.poll() is not None, "the operator is dead")
    left = namespace.get("Deployment")

    nobody.start()

    namespace.await_deployment(replicas=replicas)
    assert (left["spec"]["replicas"], owners(left, "replicas")) == (0, ["modelfleet"])


def test_operator_leads_as_soon_as_its_crds_are_there(namespace: Namespace, nobody: Operators, api: Client) -> None:
    uninstall(api, POLICIES)
    operator = nobody.start()
    operator.await_word("a CRD must be installed, it is missing")
    waiting = operator.get("/readyz")

    api.install(POLICIES)

    operator.await_leading()
    namespace.fleet()
    namespace.await_deployment()
    assert waiting.status_code == 503
    assert operator.get("/readyz").status_code == 200


def test_operator_looks_at_no_namespace_but_those_it_is_told(
    namespace: Namespace, elsewhere: Namespace, nobody: Operators
) -> None:
    operator = nobody.start(watch_namespaces=f"{namespace.name},absent")
    elsewhere.fleet("other")

    namespace.fleet()

    namespace.await_deployment(replicas=1)
    assert operator.metric("modelfleet_cache_objects", resource="modeldeployments") == 1
    assert elsewhere.children() == []
    assert "observedGeneration" not in elsewhere.get("ModelDeployment", "other")["status"]


@pytest.fixture
def older_crd(api: Client) -> Iterator[None]:
    """Install a definition that lacks a field of the status, as a version before it was added."""
    api.install(without_endpoint())
    yield
    api.install(DEFINITION)


def test_operator_bears_a_crd_that_is_older_and_writes_nothing_in_vain(
    namespace: Namespace, nobody: Operators, plane: ControlPlane, older_crd: None
) -> None:
    operator = nobody.start()
    namespace.fleet()
    namespace.await_deployment()

    status = namespace.await_report()["status"]
    await_next_pass(operator, namespace, 1)
    mark = audit.position(plane.audit_log)
    await_next_pass(operator, namespace, 2)

    assert "endpoint" not in status
    assert status["desiredReplicas"] == 1
    assert operator.metric("modelfleet_crd_skew", kind="ModelDeployment") == 1
    assert operator.metric("modelfleet_crd_skew", kind="CachePolicy") == 0
    assert "kubectl apply" in operator.said("the installed CRD is of another version")[0]["advice"]
    assert [write for write in audit.writes(plane.audit_log, after=mark) if write.resource != "leases"] == []


def await_next_pass(operator: Operator, namespace: Namespace, number: int) -> None:
    """Make the operator look at the fleet, and return once it has."""
    passes = "modelfleet_reconcile_duration_seconds_count"
    before = operator.metric(passes)
    namespace.patch("Service", {"metadata": {"annotations": {"example.com/look": str(number)}}})
    eventually(lambda: operator.metric(passes) > before, "a pass")
    eventually(lambda: operator.metric("modelfleet_queue_busy") == 0, "its end")


def announced(operator: Operator) -> set[tuple[str, str, str]]:
    """Return what a read-only operator would do, to which resources and objects."""
    would = (record for record in operator.records() if str(record.get("message")).startswith("would "))
    return {(record["message"], record["resource"], record["object"]) for record in would}


def without_endpoint() -> dict[str, Any]:
    """Return the definition without `status.endpoint`."""
    older = crd(MODEL_DEPLOYMENT)
    schema = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["status"]["properties"]["endpoint"]
    return older


def uninstall(api: Client, definition: dict[str, Any]) -> None:
    """Remove a definition with all its objects, and return once it is gone."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
    api.http.delete(path).raise_for_status()
    eventually(lambda: api.http.get(path).is_error, "the definition is gone")
