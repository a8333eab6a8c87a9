"""`modelfleet gateway` shows what is in a cluster, with as much of the Secrets as its user may read."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.apiserver import connection
from tests.apiserver.connection import Connection
from tests.apiserver.namespace import Namespace
from tests.cli.running import modelfleet

KEY = "sk-0123456789abcdef"
OBJECTS = """\
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: {name: llama}
spec:
  model: {source: hf://meta-llama/Llama-3.1-8B-Instruct}
  hardware: {accelerator: nvidia-l40s-48gb}
---
apiVersion: modelfleet.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat}
spec:
  models: [%(model)s]
  auth: {apiKeys: {secretSelector: {matchLabels: {tier: gold}}}}
  rules: [{name: all, backends: [{modelDeployment: llama}]}]
---
apiVersion: v1
kind: Secret
type: modelfleet.dev/api-keys
metadata: {name: clients, labels: {tier: gold, modelfleet.dev/team: search}}
stringData: {ada: %(key)s}
"""
READERS = """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader-of-%(namespace)s}
rules: [{apiGroups: [modelfleet.dev], resources: ["*"], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reader-of-%(namespace)s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader-of-%(namespace)s}
subjects: [{kind: ServiceAccount, name: reader, namespace: %(namespace)s}]
"""


@pytest.fixture
def model(namespace: Namespace) -> Iterator[str]:
    """Yield the name of a model that a policy of the test's own namespace answers for."""
    name = f"chat-of-{namespace.name}"
    applied = namespace.kubectl("apply", "-f", "-", stdin=OBJECTS % {"model": name, "key": KEY})
    assert applied.succeeded, applied
    yield name
    namespace.kubectl("delete", "routepolicy", "chat")
    namespace.kubectl("delete", "--ignore-not-found", "clusterrole,clusterrolebinding", f"reader-of-{namespace.name}")


def test_request_is_explained_with_the_keys_of_the_cluster(namespace: Namespace, model: str, kubeconfig: Path) -> None:
    result = modelfleet("gateway", "--kubeconfig", kubeconfig, "--model", model, "--as", "ada")

    assert result.exit_code == 0
    assert f'"ada" of team "search", priority Normal, by {namespace.name}/clients' in result.stdout
    assert f"try 1     {namespace.name}/llama" in result.stdout
    assert KEY not in result.stdout + result.stderr


def test_table_shows_who_may_use_what(namespace: Namespace, model: str, kubeconfig: Path) -> None:
    result = modelfleet("gateway", "--kubeconfig", kubeconfig, "-o", "yaml")

    rows = [row for row in yaml.safe_load(result.stdout)["routes"] if row["models"] == [model]]
    assert [row["access"] for row in rows] == [f"keys of namespace {namespace.name} with tier=gold"]


def test_secrets_that_may_not_be_read_are_taken_to_exist(
    namespace: Namespace, model: str, kubeconfig: Path, tmp_path: Path
) -> None:
    namespace.kubectl("apply", "-f", "-", stdin=READERS % {"namespace": namespace.name})
    token = namespace.kubectl("create", "token", "reader").text.strip()
    config = tmp_path / "reader"
    config.write_text(
        yaml.safe_dump(connection.kubeconfig(Connection(Connection.from_kubeconfig(kubeconfig).server, token)))
    )

    result = modelfleet("gateway", "--kubeconfig", config, "--model", model, "--as", "eve@ads")

    assert result.exit_code == 0
    assert "may not be read, and taken to exist: " in result.stderr
    assert f"keys of callers in namespace {namespace.name}" in result.stderr
    assert f"try 1     {namespace.name}/llama" in result.stdout
