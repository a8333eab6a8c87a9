"""
One lab with the operator installed by the chart for all stories, and a namespace for each.

`E2E_LAB` names the lab; `KEEP_LAB=1` leaves it for a look around, and the next run takes it as it is.
What is slow begins with the session, in namespaces of its own, and the last files ask what became of it.
"""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from e2e import installation
from e2e.cluster import Namespace, environment, small_fleet
from e2e.draining import disturb_loads
from e2e.gateway import Gateway
from e2e.lab import Lab, Progress, Request
from e2e.lab.node_shape import NodeShape
from e2e.operators import Untouched
from e2e.provider import HOST
from e2e.streams import Load

ENGINE_VERSIONS = ("0.33.0", "0.17.1")
LAB_NAME = os.environ.get("E2E_LAB", "e2e")
SHAPE = NodeShape(gpus=32, cpu="768", memory="8Ti")
"""Four times the usual machine: stories wait at the same time where they can."""
KEYED = ("clients", "routing", "fallback", "keys", "elsewhere", "asleep", "steady", "conditions")
"""Of these namespaces, behind "gateway-", the operator may read the Secrets; files called alike have them."""
LAST = (
    "test_draining.py",
    "test_quiet.py",
    "test_gateway_steady.py",
    "test_gateway_asleep.py",
    "test_failover.py",
    "test_liveness.py",
    "test_installing.py",
)
"""They ask for what began with the session, or disturb everybody else, or take the operator away."""


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
def installed(lab: Lab) -> Lab:
    """The lab with engine images and the operator, as the chart installs it."""
    progress = Progress()
    installation.load_images(lab, engine_versions=ENGINE_VERSIONS, progress=progress)
    keyed = [f"gateway-{name}" for name in KEYED]
    for name in keyed:
        if lab.api.get(f"/api/v1/namespaces/{name}") is None:
            installation.make_models_namespace(lab, name)
    listed = f"secrets.namespaces={{{','.join(keyed)}}}"
    allowed = f"gateway.external.allowedHosts={{{HOST}}}"
    installation.install_chart(lab, progress=progress, values=(listed, allowed), with_gateway=True)
    return lab


@pytest.fixture(scope="session")
def fleet_lab(installed: Lab, request: pytest.FixtureRequest) -> Lab:
    """The same, after everything slow that the stories ask for began."""
    asked_for = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    for name in sorted(asked_for & {"untouched", "draining"}):
        request.getfixturevalue(name)
    return installed


@pytest.fixture(scope="session")
def untouched(installed: Lab) -> Iterator[Untouched]:
    """Fleets that nobody touches from now on."""
    with _namespace(installed, "untouched") as namespace:
        namespace.apply(small_fleet("quiet"), small_fleet("hung", engine=environment(1, VLLM_STANDIN_FAULTS="1")))
        for fleet in ("quiet", "hung"):
            namespace.wait_for(fleet, "Stable", kind="Progressing")
        namespace.post_to_pod(namespace.ready_pods("hung")[0], "/_standin/hang")
        yield Untouched(namespace, since=time.monotonic(), mark=installed.writes_position())


@pytest.fixture(scope="session")
def draining(installed: Lab) -> Iterator[Future[Mapping[str, Load]]]:
    """Loads whose pods are taken away at this moment."""
    with _namespace(installed, "draining") as namespace, ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(disturb_loads, namespace)


@pytest.fixture(scope="session")
def loads(fleet_lab: Lab, draining: Future[Mapping[str, Load]]) -> Mapping[str, Load]:
    """What became of the streams of each fleet, after all that happened to its pods."""
    del fleet_lab
    return draining.result()


@pytest.fixture
def namespace(fleet_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace of the test's own, gone when the test ends."""
    with _namespace(fleet_lab, request.node.name.removeprefix("test_")) as namespace:
        yield namespace


@pytest.fixture(scope="module")
def shared_namespace(fleet_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for the fleets of all tests of a file, so that they can wait at the same time."""
    with _namespace(fleet_lab, request.module.__name__.rpartition("test_")[2]) as namespace:
        yield namespace


@pytest.fixture(scope="module")
def gateway(fleet_lab: Lab, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """The gateway, and a namespace for all tests of a file whose Secrets count there; it stays, and is emptied."""
    namespace = Namespace(fleet_lab, request.module.__name__.rpartition("test_")[2].replace("_", "-"))
    yield Gateway(namespace)
    empty(namespace)


def empty(namespace: Namespace) -> None:
    """Remove policies, keys and fleets; the pods are not given time to drain."""
    namespace.kubectl("delete", "rpol,mdep,cpol", "--all", "--wait=false")
    namespace.kubectl("delete", "secrets", "--field-selector", "type=modelfleet.dev/api-keys")
    namespace.kubectl("delete", "pods", "--all", "--grace-period=0", "--force", check=False)


@contextmanager
def _namespace(lab: Lab, text: str) -> Iterator[Namespace]:
    label = text.replace("_", "-").split("[")[0][:50].strip("-")
    with installation.namespace(lab, label) as name:
        yield Namespace(lab, name)
