"""Both ways of installing, on a real API server: what is accepted, kept, and allowed."""

from pathlib import Path

import pytest
import yaml
from charts.generate.files import CHART, INSTALL, ROOT
from tests.apiserver.kubectl import Kubectl
from tests.chart.rendering import GATEWAY, NAMESPACE, OPERATOR, RELEASE, Helm, Object, find

pytestmark = pytest.mark.apiserver

AS_OPERATOR = f"--as=system:serviceaccount:{NAMESPACE}:{OPERATOR}"
SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))
FROM_OTHERS = ("cert-manager.io", "monitoring.coreos.com")
"""Kinds that this cluster does not know."""
STRICT = ("--dry-run=server", "--validate=strict")


@pytest.fixture(scope="module")
def installed(bare_kubectl: Kubectl) -> Kubectl:
    """Return kubectl for a cluster with manifests/install.yaml applied."""
    outcome = bare_kubectl("apply", "--server-side", "--validate=strict", "-f", str(INSTALL))
    assert outcome.succeeded, outcome.text
    established = bare_kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
    assert established.succeeded, established.text
    return bare_kubectl


def test_applying_the_manifest_again_changes_nothing(installed: Kubectl) -> None:
    difference = installed("diff", "--server-side", "-f", str(INSTALL))

    assert difference.succeeded, difference.text


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SAMPLES])
def test_the_api_server_accepts_a_sample(installed: Kubectl, path: Path) -> None:
    outcome = installed("apply", *STRICT, "-f", str(path))

    assert outcome.succeeded, outcome.text


def as_pod(deployment: Object) -> Object:
    """Return a pod as the Deployment makes it, without its ServiceAccount, which this cluster may not have."""
    spec = {**deployment["spec"]["template"]["spec"], "serviceAccountName": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": NAMESPACE}, "spec": spec}


@pytest.mark.parametrize("name", [OPERATOR, GATEWAY])
def test_a_pod_is_admitted_under_the_restricted_profile(installed: Kubectl, helm: Helm, name: str) -> None:
    deployment = find(helm.render({"gateway": {"enabled": True}}), "Deployment", name)
    outcome = installed("create", *STRICT, "-f", "-", stdin=yaml.safe_dump(as_pod(deployment)))

    assert outcome.succeeded, outcome.text
    assert "Warning" not in outcome.text


@pytest.mark.parametrize("values", sorted(path.name for path in (CHART / "ci").glob("*-values.yaml")))
def test_the_api_server_accepts_what_the_chart_renders(installed: Kubectl, helm: Helm, values: str) -> None:
    objects = helm.render(yaml.safe_load((CHART / "ci" / values).read_text()))
    own = [obj for obj in objects if obj["apiVersion"].partition("/")[0] not in FROM_OTHERS and not is_elsewhere(obj)]

    outcome = installed(
        "apply", *STRICT, "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(own)
    )

    assert outcome.succeeded, outcome.text
    assert "Warning" not in outcome.text


def is_elsewhere(obj: Object) -> bool:
    """Whether it is in a team's namespace, which this cluster does not have."""
    return obj["metadata"].get("namespace", NAMESPACE) != NAMESPACE


CHILDREN = [
    pytest.param("v1", "ServiceAccount", {}, id="ServiceAccount"),
    pytest.param("v1", "Service", {"spec": {"ports": [{"port": 8000}]}}, id="Service"),
    pytest.param(
        "v1",
        "PersistentVolumeClaim",
        {"spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}},
        id="PersistentVolumeClaim",
    ),
    pytest.param("policy/v1", "PodDisruptionBudget", {"spec": {"maxUnavailable": 1}}, id="PodDisruptionBudget"),
    pytest.param("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}}}, id="NetworkPolicy"),
    pytest.param(
        "apps/v1",
        "Deployment",
        {
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"a": "b"}},
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "engine", "image": "vllm/vllm-openai:v0.33.0"}]},
                },
            },
        },
        id="Deployment",
    ),
]


@pytest.mark.parametrize(("api_version", "kind", "content"), CHILDREN)
def test_the_operator_may_apply_and_delete_a_child(
    installed: Kubectl, api_version: str, kind: str, content: Object
) -> None:
    child = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "fleet", "namespace": "default"}} | content
    apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=modelfleet", AS_OPERATOR, "-f", "-")

    created = installed(*apply, stdin=yaml.safe_dump(child))
    repeated = installed(*apply, stdin=yaml.safe_dump(child))
    deleted = installed("delete", AS_OPERATOR, "--namespace=default", kind, "fleet", "--wait=false")

    assert created.succeeded, created.text
    assert repeated.succeeded, repeated.text
    assert deleted.succeeded, deleted.text


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        pytest.param("patch", "deployments.apps/scale", True, id="resize a fleet"),
        pytest.param("patch", "modeldeployments.modelfleet.dev/status", True, id="write status"),
        pytest.param("get", "pods/log", True, id="read a log"),
        pytest.param("create", "events.events.k8s.io", True, id="record an event"),
        pytest.param("patch", "modeldeployments.modelfleet.dev", False, id="change what users wrote"),
        pytest.param("update", "deployments.apps", False, id="replace a Deployment"),
        pytest.param("get", "secrets", False, id="read a Secret"),
        pytest.param("create", "pods", False, id="create a pod"),
        pytest.param("list", "nodes", False, id="list nodes"),
        pytest.param("create", "rolebindings.rbac.authorization.k8s.io", False, id="grant rights"),
        pytest.param("delete", "namespaces", False, id="delete a namespace"),
    ],
)
def test_the_api_server_agrees_with_the_table_of_rights(
    installed: Kubectl, verb: str, resource: str, allowed: bool
) -> None:
    name, _, subresource = resource.partition("/")

    answer = installed("auth", "can-i", verb, name, f"--subresource={subresource}", "--namespace=default", AS_OPERATOR)

    assert answer.succeeded is allowed, answer.text


def test_helm_takes_over_what_kubectl_applied_and_leaves_the_fleets(installed: Kubectl, helm: Helm) -> None:
    target = ("--namespace", NAMESPACE, "--kubeconfig", str(installed.kubeconfig))
    fleet = installed("apply", "-f", str(ROOT / "manifests" / "samples" / "llama-8b.yaml"))

    helm("install", RELEASE, str(CHART), *target, "--take-ownership")
    helm(
        "upgrade", RELEASE, str(CHART), *target, "--reset-then-reuse-values", "--force-conflicts", "--set", "replicas=3"
    )
    replicas = installed("get", "deployment", OPERATOR, "--namespace", NAMESPACE, "-o", "jsonpath={.spec.replicas}")
    helm("uninstall", RELEASE, *target)
    left = installed("get", "modeldeployments", "--all-namespaces", "-o", "name")
    operator = installed("get", "deployment", OPERATOR, "--namespace", NAMESPACE)

    assert fleet.succeeded, fleet.text
    assert replicas.text == "3"
    assert left.text.strip() == "modeldeployment.modelfleet.dev/llama-8b"
    assert "NotFound" in operator.text
