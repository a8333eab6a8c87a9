"""One API server for all tests in this folder: our own, or the one `MODELFLEET_TEST_KUBECONFIG` names."""

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from e2e.lab import provision, tools
from e2e.lab.progress import Progress
from tests.apiserver import connection
from tests.apiserver.client import Client
from tests.apiserver.connection import Connection
from tests.apiserver.control_plane import ControlPlane, control_plane
from tests.apiserver.kubectl import Kubectl
from tests.apiserver.namespace import Namespace
from tests.apiserver.operator_process import Operator, Operators, grant_rights

from modelfleet.api.kinds import KINDS
from modelfleet.api.schema.crd import crd

KUBECONFIG = "MODELFLEET_TEST_KUBECONFIG"
HERE = Path(__file__).parent
NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark every test of this folder, so that `-m "not apiserver"` leaves them out.

    Those that share an operator come before those that end it, so that it starts once.
    """
    ours = [index for index, item in enumerate(items) if item.path.is_relative_to(HERE)]
    in_order = sorted((items[index] for index in ours), key=_ends_the_shared_operator)
    for index, item in zip(ours, in_order, strict=True):
        item.add_marker(pytest.mark.apiserver)
        items[index] = item


def _ends_the_shared_operator(item: pytest.Item) -> bool:
    return bool({"nobody", "survivors", "gate"} & {*getattr(item, "fixturenames", ())})


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane | None]:
    """Yield an API server that lives as long as the tests, or None where the user names one."""
    if os.environ.get(KUBECONFIG):
        yield None
        return
    with control_plane(_binaries(), tmp_path_factory.mktemp("control-plane")) as running:
        yield running


@pytest.fixture(scope="session")
def kubeconfig(plane: ControlPlane | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an administrator's kubeconfig for the API server."""
    if plane is None:
        return Path(os.environ[KUBECONFIG])
    path = tmp_path_factory.mktemp("kubeconfig") / "admin"
    path.write_text(yaml.safe_dump(connection.kubeconfig(plane.connection)))
    return path


def _binaries() -> Mapping[str, Path]:
    return provision.ensure(tools.named(tools.API), progress=Progress())


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Iterator[Client]:
    """Yield a client of the API server, with our kinds installed."""
    with connection.client(Connection.from_kubeconfig(kubeconfig)) as http:
        client = Client(http)
        for kind in KINDS:
            client.install(crd(kind))
        yield client


@pytest.fixture(scope="session")
def kubectl(api: Client, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """Return kubectl for the API server, with our kinds installed."""
    binary = shutil.which("kubectl") if os.environ.get(KUBECONFIG) else None
    path = Path(binary) if binary else _binaries()["kubectl"]
    return Kubectl(binary=path, kubeconfig=kubeconfig, cache=tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="session")
def operators(plane: ControlPlane | None, api: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    """Yield what starts operators; at the end none of them may have logged what only a defect explains."""
    if plane is None:
        pytest.skip("an operator under test needs users, an audit log and an API server that may be killed")
    grant_rights(api.http)
    running = Operators(plane.operators, tmp_path_factory.mktemp("operators"))
    yield running
    running.stop_all()

    assert running.tracebacks() == {}


@pytest.fixture
def operator(operators: Operators) -> Operator:
    """Return the operator that tests share; it leads."""
    return operators.shared()


@pytest.fixture
def nobody(operators: Operators) -> Iterator[Operators]:
    """Yield what starts operators, while none runs but those that the test starts."""
    operators.stop_all()
    yield operators
    operators.stop_all()


@pytest.fixture
def namespace(api: Client, kubectl: Kubectl) -> Iterator[Namespace]:
    """Yield a namespace of the test's own."""
    with new_namespace(api, kubectl) as own:
        yield own


@pytest.fixture
def elsewhere(api: Client, kubectl: Kubectl) -> Iterator[Namespace]:
    """Yield another namespace of the test's own."""
    with new_namespace(api, kubectl) as own:
        yield own


@contextmanager
def new_namespace(api: Client, kubectl: Kubectl) -> Iterator[Namespace]:
    """Make a namespace; served names are everybody's, so its fleets go at the end."""
    name = f"test-{next(NUMBERS)}"
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    api.http.post("/api/v1/namespaces", json=made).raise_for_status()
    own = Namespace(name, api.http, kubectl)
    yield own
    own.delete_all("ModelDeployment")
    own.delete_all("CachePolicy")
    own.delete_all("RoutePolicy")
