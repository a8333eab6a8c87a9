"""What pods do reaches the fleet's status; the test stands in for the scheduler, the kubelet and the controllers."""

from typing import Any

import pytest
from tests.apiserver.client import Client
from tests.apiserver.namespace import SOURCE, Namespace
from tests.apiserver.operator_process import Operator, Operators
from tests.apiserver.waiting import eventually

LOADING = {"name": "engine", "state": {"running": {}}, "started": False}
READY = {"name": "engine", "state": {"running": {}}, "started": True, "ready": True}
MISSING_SECRET = {"reason": "CreateContainerConfigError", "message": 'secret "hugging-face" not found'}
TAKEN_IMAGE = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "vllm/vllm-openai:v0.33.0"'}
OUT_OF_MEMORY = {"exitCode": 0, "message": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"}

PODS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no node": (
        {
            "conditions": [
                {"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient nvidia.com/gpu"}
            ]
        },
        "Unschedulable",
        "0/3 nodes: Insufficient nvidia.com/gpu",
    ),
    "missing Secret": (
        {"containerStatuses": [{"name": "engine", "state": {"waiting": MISSING_SECRET}}]},
        "ContainerConfigError",
        'secret "hugging-face" not found',
    ),
    "image that cannot be pulled": (
        {"containerStatuses": [{"name": "engine", "state": {"waiting": TAKEN_IMAGE}}]},
        "ImagePull",
        "vllm/vllm-openai:v0.33.0",
    ),
    "engine out of memory": (
        {
            "containerStatuses": [
                {
                    "name": "engine",
                    "restartCount": 2,
                    "lastState": {"terminated": OUT_OF_MEMORY},
                    "state": {"running": {}},
                }
            ]
        },
        "OutOfMemory",
        "`engine.maxNumSeqs`",
    ),
}


@pytest.mark.parametrize(("status", "reason", "words"), PODS.values(), ids=PODS)
def test_what_keeps_a_pod_from_serving_is_told(
    namespace: Namespace, operator: Operator, status: dict[str, Any], reason: str, words: str
) -> None:
    namespace.fleet(model={"source": SOURCE, "tokenSecretRef": {"name": "hugging-face"}})
    namespace.await_deployment()

    pod(namespace, status)

    said = namespace.await_condition("Available", "False", reason)
    assert words in said["message"]
    assert namespace.await_condition("Ready", "False", reason)["message"] == said["message"]
    assert namespace.get("ModelDeployment")["status"]["replicas"] == 1


def test_fleet_with_a_ready_pod_of_its_template_serves(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment()
    namespace.finish_rollout()

    pod(namespace, {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [READY]})

    namespace.await_condition("Ready", "True", "Serving")
    namespace.await_condition("Progressing", "True", "Stable")
    status = namespace.get("ModelDeployment")["status"]
    assert (status["replicas"], status["readyReplicas"]) == (1, 1)
    assert status["cost"]["hourlyCents"] > 0
    waited = namespace.kubectl("wait", "--for=condition=Ready", "mdep/fleet", "--timeout=5s")
    assert waited.succeeded, waited.text


def test_pod_out_of_traffic_does_not_count_as_ready(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment()
    namespace.finish_rollout()
    name = pod(namespace, {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [READY]})
    namespace.await_condition("Ready", "True", "Serving")

    namespace.patch("Pod", {"metadata": {"labels": {"modelfleet.dev/traffic": "draining"}}}, name)

    namespace.await_condition("Available", "False")
    assert namespace.get("ModelDeployment")["status"]["readyReplicas"] == 0


@pytest.mark.parametrize("with_fleet", [True, False], ids=["of a fleet", "of a fleet that is gone"])
def test_pod_that_is_deleted_while_it_loads_goes_soon(
    namespace: Namespace, operator: Operator, with_fleet: bool
) -> None:
    namespace.fleet()
    namespace.await_deployment()
    name = pod(namespace, {"phase": "Running", "containerStatuses": [LOADING]})
    if not with_fleet:
        namespace.delete("ModelDeployment")

    namespace.delete("Pod", name)

    eventually(lambda: grace_seconds(namespace, name) == 5, "a short grace period")


def test_pod_that_is_deleted_while_it_serves_keeps_its_time(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(replicas=2)
    namespace.await_deployment()
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [READY]}
    names = [pod(namespace, ready, name) for name in ("one", "two")]
    eventually(lambda: namespace.get("ModelDeployment")["status"]["readyReplicas"] == 2, "two ready replicas")

    namespace.delete("Pod", names[0])

    eventually(lambda: namespace.get("ModelDeployment")["status"]["readyReplicas"] == 1, "one ready replica")
    assert grace_seconds(namespace, names[0]) == 140


POD_MONITORS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "podmonitors.monitoring.coreos.com",
        "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for tests"},
    },
    "spec": {
        "group": "monitoring.coreos.com",
        "names": {
            "kind": "PodMonitor",
            "plural": "podmonitors",
            "singular": "podmonitor",
            "listKind": "PodMonitorList",
        },
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def test_fleet_gets_a_pod_monitor_where_that_kind_is_installed(
    namespace: Namespace, nobody: Operators, api: Client
) -> None:
    api.install(POD_MONITORS)
    try:
        nobody.start()
        uid = namespace.fleet()["metadata"]["uid"]

        found = eventually(lambda: namespace.find("PodMonitor"), "a PodMonitor")
        namespace.await_condition("Accepted", "True")
    finally:
        api.http.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{POD_MONITORS['metadata']['name']}")
    assert found["spec"]["podMetricsEndpoints"] == [{"port": "http", "path": "/metrics"}]
    assert [owner["uid"] for owner in found["metadata"]["ownerReferences"]] == [uid]


def pod(namespace: Namespace, status: dict[str, Any], name: str = "fleet-0") -> str:
    """Make a pod of the fleet's template on a node, in a state, and return its name."""
    made = namespace.get("Deployment")["spec"]["template"]
    engine = {"name": "engine", "image": "vllm/vllm-openai:v0.33.0"}
    grace = made["spec"]["terminationGracePeriodSeconds"]
    spec = {"nodeName": "node", "terminationGracePeriodSeconds": grace, "containers": [engine]}
    meta = {"name": name, "labels": made["metadata"]["labels"]}
    namespace.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    namespace.patch("Pod", {"status": status}, name, subresource="status")
    return name


def grace_seconds(namespace: Namespace, name: str) -> int | None:
    """Return how long a pod that is going may take, None for one that stays or is gone."""
    found = namespace.find("Pod", name)
    seconds: int | None = found["metadata"].get("deletionGracePeriodSeconds") if found else None
    return seconds
