"""An API server with many models, an operator that configures two Envoys on loopback, and what asks them."""

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from e2e.lab import Progress, provision, tools
from tests.apiserver import connection
from tests.apiserver.client import Client
from tests.apiserver.conftest import new_namespace
from tests.apiserver.control_plane import control_plane
from tests.apiserver.gateway_world import KEY, Gate, Replica, api_keys, endpoint_slice, gate
from tests.apiserver.kubectl import Kubectl
from tests.apiserver.namespace import manifest
from tests.apiserver.operator_process import NAMESPACE, Operators, grant_rights
from tests.envoy.engines import LOOPBACK, engines
from tests.envoy.envoy_process import Envoy

from modelfleet.api.kinds import KINDS
from modelfleet.api.schema.crd import crd

AT_ONCE = 8
POLL_SECONDS = 0.001
LONGEST_SECONDS = 120
OK = 200
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/modelfleet-operator"


@contextmanager
def world(models: int, progress: Progress) -> Iterator[Gate]:
    """Yield a gateway without operators, for *models* fleets that the API server has; another replica leads."""
    with tempfile.TemporaryDirectory(prefix="live-") as name, engines() as behind:
        directory = Path(name)
        with control_plane(provision.ensure(tools.named(tools.API), progress=progress), directory) as plane:
            config = directory / "admin.yaml"
            config.write_text(yaml.safe_dump(connection.kubeconfig(plane.connection)))
            with connection.client(plane.connection) as http:
                api = Client(http)
                for kind in KINDS:
                    api.install(crd(kind))
                grant_rights(http)
                kubectl = Kubectl(Path("kubectl"), config, directory)
                operators = Operators(plane.operators, directory)
                own, other = (new_namespace(api, kubectl) for _ in range(2))
                with own as first, other as second, gate(operators, first, second, behind) as made:
                    _mint(made)
                    _fill(made, models)
                    progress.note(f"{models} models are in the API server")
                    yield made


def _mint(made: Gate) -> None:
    """Have certificates made by an operator that leads, and keep the Lease afterwards: nobody leads any more."""
    replica = made.replica()
    made.start_envoy(replica)
    made.envoy.stop()
    replica.operator.stop()
    lease = {"spec": {"holderIdentity": "somebody-else", "leaseDurationSeconds": 3600, "renewTime": _now()}}
    headers = {"content-type": "application/merge-patch+json"}
    made.own.http.patch(LEASE, json=lease, headers=headers).raise_for_status()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())


def _fill(made: Gate, models: int) -> None:
    engine = made.engines.engine("a")
    made.own.create(api_keys(ada=KEY))

    def create(number: int) -> None:
        name = f"model-{number}"
        made.own.create(manifest(name, engine={"version": "0.25.1", "maxNumSeqs": 64}))
        made.own.create(endpoint_slice(name, engine.port))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(create, range(models)))


@dataclass(frozen=True, slots=True)
class Entrance:
    """
    A connection to one Envoy, over which it can be asked.

    Asking again and again must leave the processor to what is measured: a request costs this 0.2 ms, and httpx 1.5 ms.
    """

    connection: http.client.HTTPConnection

    def ask(self, model: str, key: str = KEY) -> http.client.HTTPResponse:
        """Return the answer to a chat request, read to its end."""
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self.connection.request("POST", "/v1/chat/completions", json.dumps({"model": model}), headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer


def serves(ways: list[Entrance], model: str, key: str = KEY, *, is_served: bool = True) -> bool:
    """Return whether every Envoy serves *model* to who has *key*, or none does."""
    return all((way.ask(model, key).status == OK) == is_served for way in ways)


@contextmanager
def entrances(made: Gate, *envoys: Envoy) -> Iterator[list[Entrance]]:
    """Yield a connection to each of *envoys*, which share a port: who accepts is up to the kernel."""
    found: dict[int, Entrance] = {}
    while len(found) < len(envoys):
        way = Entrance(http.client.HTTPConnection(LOOPBACK, made.entry, timeout=LONGEST_SECONDS))
        before = [_requests(envoy) for envoy in envoys]
        milliseconds_until(partial(serves, [way], "model-0"))
        moved = [_requests(envoy) > then for envoy, then in zip(envoys, before, strict=True)]
        found.setdefault(moved.index(True), way)
    yield list(found.values())
    for one in found.values():
        one.connection.close()


def _requests(envoy: Envoy) -> int:
    return envoy.stat("http.gateway.downstream_rq_total")


def milliseconds_until(holds: Callable[[], bool]) -> float:
    """Return after how many milliseconds *holds* did."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > LONGEST_SECONDS:
            raise TimeoutError(f"a change must be in effect within {LONGEST_SECONDS} s")
        time.sleep(POLL_SECONDS)
    return 1000 * (time.perf_counter() - began)


def start(made: Gate, replica: Replica, count: int) -> list[Envoy]:
    """Start *count* Envoys that *replica* configures, and return them once they are ready."""
    made.start_envoy(replica, within=LONGEST_SECONDS)
    first = made.envoy
    further = []
    for number in range(1, count):
        loaded: dict[str, Any] = {**first.bootstrap, "node": {"id": f"gateway-{number}", "cluster": "modelfleet"}}
        envoy = made.running.enter_context(Envoy(loaded))
        envoy.await_ready()
        further.append(envoy)
    return [first, *further]
