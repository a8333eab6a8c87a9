"""Where the API server is found, and that every session carries fresh credentials."""

from pathlib import Path

import pytest
from kubernetes.aio.config import incluster_config
from tests.controller.fake_api import serving

from modelfleet.controller.cluster import connection
from modelfleet.controller.cluster.errors import Unavailable
from modelfleet.controller.cluster.resources import PODS

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: here, context: {cluster: here, user: me}}
- {name: there, context: {cluster: there, user: me}}
clusters:
- {name: here, cluster: {server: "https://127.0.0.1:1"}}
- {name: there, cluster: {server: "https://127.0.0.1:2"}}
users:
- {name: me, user: {token: secret-1}}
"""
VARIABLES = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start from a process that knows of no cluster."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    return path


@pytest.mark.parametrize(
    ("context", "host"), [(None, "https://127.0.0.1:1"), ("there", "https://127.0.0.1:2")], ids=["current", "named"]
)
async def test_a_kubeconfig_names_the_server(kubeconfig: Path, context: str | None, host: str) -> None:
    found = await connection.load(kubeconfig, context=context)

    assert found.host == host


async def test_a_pod_finds_the_server_through_its_service_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, content in (("token", "secret-2"), ("ca.crt", "a certificate")):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")

    found = await connection.load()

    assert (found.host, found.api_key["BearerToken"]) == ("https://10.96.0.1:443", "bearer secret-2")


async def test_without_any_cluster_the_message_says_what_to_set() -> None:
    with pytest.raises(Unavailable, match=r"no API server to connect to: .*; run inside a cluster, set `KUBECONFIG`"):
        await connection.load()


async def test_a_session_carries_the_token_of_the_moment() -> None:
    async with serving(PODS) as api:
        api.tokens = {"second"}
        cluster = api.cluster("first")
        statuses = []
        async with cluster.open_session() as session:
            for token in ("first", "second"):
                cluster.transport.api.configuration.api_key["BearerToken"] = f"Bearer {token}"
                answer = await session.get(cluster.server + PODS.path())
                statuses.append(answer.status)
        await cluster.close()

        assert statuses == [401, 200]
