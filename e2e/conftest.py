"""
One lab with the operator installed by the chart for all stories, and a namespace for each.

`E2E_LAB` names the lab; `KEEP_LAB=1` leaves it for a look around, and the next run takes it as it is.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest

from e2e import installation
from e2e.cluster import Namespace, environment, small_fleet
from e2e.lab import Lab, Progress, Request
from e2e.lab.node_shape import NodeShape

ENGINE_VERSIONS = ("0.33.0", "0.17.1")
LAB_NAME = os.environ.get("E2E_LAB", "e2e")
SHAPE = NodeShape(gpus=16, cpu="384", memory="4Ti")
"""Twice the usual machine: stories wait at the same time where they can."""
LAST = ("test_failover.py", "test_liveness.py", "test_installing.py")
"""They disturb everybody else, or wait for what began with the session, or take the operator away."""
HUNG = "hung"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files in LAST behind the others."""
    items.sort(key=lambda item: LAST.index(item.path.name) if item.path.name in LAST else -1)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A real control plane and node."""
    lab = Lab.up(name=LAB_NAME, request=Request(audit=True, shape=SHAPE), progress=Progress())
    yield lab
    if not os.environ.get("KEEP_LAB"):
        lab.down()


@pytest.fixture(scope="session")
def fleet_lab(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab with engine images and the operator, as the chart installs it; and an engine that hangs meanwhile."""
    progress = Progress()
    installation.load_images(lab, engine_versions=ENGINE_VERSIONS, progress=progress)
    installation.install_chart(lab, progress=progress)
    is_asked_for = any("hung" in getattr(item, "fixturenames", ()) for item in request.session.items)
    with _hanging_engine(lab) if is_asked_for else nullcontext():
        yield lab


@contextmanager
def _hanging_engine(lab: Lab) -> Iterator[None]:
    """Hang an engine now: the kubelet needs some minutes to find out, and the last stories ask whether it did."""
    with installation.namespace(lab, HUNG):
        namespace = Namespace(lab, HUNG)
        namespace.apply(small_fleet(HUNG, engine=environment(1, VLLM_STANDIN_FAULTS="1")))
        namespace.wait_ready(HUNG)
        namespace.post_to_pod(namespace.ready_pods(HUNG)[0], "/_standin/hang")
        yield


@pytest.fixture(scope="session")
def hung(fleet_lab: Lab) -> Namespace:
    """The namespace of the engine that hangs since the session began."""
    return Namespace(fleet_lab, HUNG)


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
