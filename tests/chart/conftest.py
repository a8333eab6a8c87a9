"""Helm, found or made once for all tests of this folder, and an API server for those that install."""

from pathlib import Path

import pytest
from e2e.lab import provision, tools
from e2e.lab.progress import Progress
from tests.apiserver.conftest import kubeconfig, plane
from tests.apiserver.kubectl import Kubectl
from tests.chart.rendering import Helm, Object

__all__ = ["kubeconfig", "plane"]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Return Helm, from this machine or fetched."""
    return Helm(_binary("helm"))


@pytest.fixture(scope="session")
def default_objects(helm: Helm) -> list[Object]:
    """Return what the chart installs with its defaults; to be read only."""
    return helm.render()


@pytest.fixture(scope="session")
def gateway_objects(default_objects: list[Object]) -> list[Object]:
    """Return the same for tests about the gateway, which is there by default."""
    return default_objects


@pytest.fixture(scope="session")
def bare_objects(helm: Helm) -> list[Object]:
    """Return what the chart installs without a gateway and the defaults otherwise; to be read only."""
    return helm.render({"gateway": {"enabled": False}})


@pytest.fixture(scope="session")
def bare_kubectl(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Return kubectl for an API server on which nothing is installed yet."""
    return Kubectl(binary=_binary("kubectl"), kubeconfig=kubeconfig, cache=tmp_path_factory.mktemp("kubectl"))


def _binary(name: str) -> Path:
    return provision.ensure(tools.named((name,)), progress=Progress())[name]
