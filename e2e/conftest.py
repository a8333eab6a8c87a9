"""
One lab with the operator installed by the chart for all stories, and a namespace for each.

`E2E_LAB` names the lab; `KEEP_LAB=1` leaves it for a look around, and the next run takes it as it is.
"""

import os
from collections.abc import Iterator

import pytest

from e2e import installation
from e2e.cluster import Namespace
from e2e.lab import Lab, Progress, Request
from e2e.lab.node_shape import NodeShape

ENGINE_VERSIONS = ("0.33.0", "0.17.1")
LAB_NAME = os.environ.get("E2E_LAB", "e2e")
SHAPE = NodeShape(gpus=16, cpu="384", memory="4Ti")
"""Twice the usual machine: stories wait at the same time where they can."""


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A real control plane and node."""
    lab = Lab.up(name=LAB_NAME, request=Request(audit=True, shape=SHAPE), progress=Progress())
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
    """A namespace of the test's own, gone when the test ends."""
    with installation.namespace(fleet_lab, _label(request.node.name.removeprefix("test_"))) as name:
        yield Namespace(fleet_lab, name)


@pytest.fixture(scope="module")
def shared_namespace(fleet_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for the fleets of all tests of a file, so that they can wait at the same time."""
    with installation.namespace(fleet_lab, _label(request.module.__name__.rpartition("test_")[2])) as name:
        yield Namespace(fleet_lab, name)


def _label(text: str) -> str:
    return text.replace("_", "-").split("[")[0][:50].strip("-")
