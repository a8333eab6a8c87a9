"""One lab with the operator installed by the chart for all stories, and a namespace for each."""

import os
from collections.abc import Iterator

import pytest

from e2e import installation
from e2e.cluster import Namespace
from e2e.lab import Lab, Progress, Request

ENGINE_VERSIONS = ("0.33.0", "0.17.1")
LAB_NAME = "e2e"


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A real control plane and node; set KEEP_LAB=1 to look around after a failure."""
    lab = Lab.up(name=LAB_NAME, request=Request(audit=True), progress=Progress())
    yield lab
    if not os.environ.get("KEEP_LAB"):
        lab.down()


@pytest.fixture(scope="session")
def fleet_lab(lab: Lab) -> Lab:
    """The lab with engine images and the operator, as the chart installs it."""
    progress = Progress()
    installation.load_images(lab, engine_versions=ENGINE_VERSIONS, progress=progress)
    installation.install_chart(lab, progress=progress)
    return lab


@pytest.fixture
def namespace(fleet_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace of the test's own, with the Secret that the samples name; gone when the test ends."""
    name = request.node.name.removeprefix("test_").replace("_", "-").split("[")[0][:50].strip("-")
    installation.make_models_namespace(fleet_lab, name)
    yield Namespace(fleet_lab, name)
    fleet_lab.kubectl("delete", "mdep,cpol", "--all", "--namespace", name, "--wait=false")
    fleet_lab.kubectl("delete", "pods", "--all", "--namespace", name, "--grace-period=0", "--force", check=False)
    fleet_lab.kubectl("delete", "namespace", name, "--timeout=60s")
