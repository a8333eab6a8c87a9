"""Operators that configure a real Envoy, and engines that stand behind it, all on loopback."""

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from tests.apiserver.control_plane import OPERATORS, free_ports
from tests.apiserver.namespace import Namespace
from tests.apiserver.operator_process import INSTALL, NAMESPACE, Operator, Operators
from tests.apiserver.waiting import WITHIN_SECONDS, eventually
from tests.chart.envoy_files import bootstrap_in, place
from tests.envoy.engines import LOOPBACK, Engine, Engines
from tests.envoy.envoy_process import Envoy

from modelfleet.api.names import ENGINE_PORT_NAME, FLEET_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from modelfleet.controller.cluster.pki import TlsSecret
from modelfleet.gateway.lower.secrets import API_KEYS_TYPE

Json = dict[str, Any]

KEY = "sk-a-key-of-ada-0000"
SOMEWHERE = "192.0.2.1"
"""The API server takes no slice with a loopback address; operators under test read this one as loopback."""
PRELUDE = """
from dataclasses import replace
from pathlib import Path
from modelfleet.controller.cluster.errors import Unavailable
from modelfleet.controller.cluster.resources import SECRETS
from modelfleet.controller.gateway import service
from modelfleet.gateway.ir import Address
from modelfleet.gateway.render import Place, routes
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.render.operator import OperatorAccess

access = OperatorAccess(config_directory={directory!r})
service.Place = lambda: Place(access, Ports(gateway={entry}, sink={sink}))
service.Home.ready_operators = lambda *_: (Address("127.0.0.1", {activator}),)
addresses = service.addresses
service.addresses = lambda *a, **k: tuple(replace(each, ip="127.0.0.1") for each in addresses(*a, **k))
route_configuration = routes.route_configuration

def poisoned(table, *rest, **more):
    made = route_configuration(table, *rest, **more)
    if table.name.endswith("/poisoned"):
        bad = {{"match": {{"safe_regex": {{"regex": "("}}}}, "direct_response": {{"status": 200}}}}
        made["virtual_hosts"][0]["routes"].insert(0, bad)
    return made

routes.route_configuration = poisoned
list_all = service.Cluster.list

async def list_what_can_be_read(self, resource, namespace=None, **more):
    if resource == SECRETS and Path({directory!r}, f"unread-{{namespace}}").exists():
        raise Unavailable("cannot be decrypted", status=500)
    return await list_all(self, resource, namespace, **more)

service.Cluster.list = list_what_can_be_read
"""
"""
Puts an operator's Envoy on loopback. What a policy called "poisoned" makes is refused by Envoy, whatever it says: the
schema and the checks leave nothing to write that is.
"""


@dataclass(slots=True)
class Replica:
    """A running operator, and where it listens."""

    operator: Operator
    xds_port: int

    def sent_bytes(self) -> float:
        """Return how much it has sent to gateways."""
        return self.operator.metric("modelfleet_xds_sent_bytes_total")

    def gateways(self) -> float:
        """Return how many gateways are connected to it."""
        return self.operator.metric("modelfleet_xds_clients")


@dataclass(slots=True)
class Gate:
    """Everything of one gateway, and two namespaces whose Secrets its operators read."""

    operators: Operators
    engines: Engines
    own: Namespace
    other: Namespace
    directory: Path
    running: ExitStack
    http: httpx.Client
    entry: int = 0
    sink: int = 0
    activator: int = 0
    replicas: list[Replica] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    """forbidden are namespaces whose Secrets operators are told to read, without the right to."""
    _envoy: Envoy | None = None

    def unread(self, namespace: Namespace) -> Path:
        """Return the file that keeps operators from listing the Secrets of *namespace* while it exists."""
        return self.directory / "gateway" / f"unread-{namespace.name}"

    @property
    def envoy(self) -> Envoy:
        """Return the running Envoy."""
        assert self._envoy is not None
        return self._envoy

    def replica(self, user: str = "operator-a", *, xds_port: int = 0, server: str | None = None) -> Replica:
        """Start an operator; the first one leads."""
        activator, peers, xds = free_ports(3)
        if not self.entry:
            self.entry, self.sink, self.activator = *free_ports(2), activator
        taken = any(each.operator.process.poll() is None for each in self.replicas)
        text = PRELUDE.format(
            activator=self.activator, directory=str(self.directory / "gateway"), entry=self.entry, sink=self.sink
        )
        settings = {
            "platform_file": self._platform_file(),
            "xds_port": xds_port or xds,
            "activator_port": activator if taken else self.activator,
            "peers_port": peers,
        }
        operator = self.operators.start(user, prelude=text, server=server, **settings)
        replica = Replica(operator, xds_port or xds)
        self.replicas.append(replica)
        return replica

    def start_envoy(self, *replicas: Replica, within: float = WITHIN_SECONDS) -> None:
        """Start an Envoy that knows *replicas*, and return once it is ready."""
        installed = [obj for obj in yaml.load_all(INSTALL.read_text(), yaml.CSafeLoader) if obj]
        loaded = bootstrap_in(place(installed, self.directory, secret=self._certificate()))
        [xds] = [cluster for cluster in loaded["static_resources"]["clusters"] if cluster["name"] == "xds"]
        endpoints = xds["load_assignment"]["endpoints"][0]
        endpoints["lb_endpoints"] = [{"endpoint": {"address": _address(each.xds_port)}} for each in replicas]
        loaded["static_resources"]["listeners"][0]["address"] = _address(0)
        self._envoy = self.running.enter_context(Envoy(loaded))
        self._envoy.await_ready(within=within)

    def start_envoy_again(self) -> None:
        """Start the Envoy that was stopped, cold, and return once it is ready."""
        self.envoy.start()
        self.envoy.await_ready()

    def ask(self, model: str, *, key: str | None = KEY, **headers: str) -> httpx.Response:
        """Return the answer to a chat request."""
        shown = {"authorization": f"Bearer {key}"} if key else {}
        url = f"http://{LOOPBACK}:{self.entry}/v1/chat/completions"
        return self.http.post(url, content=json.dumps({"model": model}), headers=JSON | shown | headers)

    def engine_of(self, model: str, *, key: str | None = KEY) -> str | None:
        """Return which engine answers, or None where none does."""
        answer = self.ask(model, key=key)
        return answer.headers.get("x-engine") if answer.is_success else None

    def await_engine(self, model: str, engine: str, *, key: str | None = KEY) -> None:
        """Return once *engine* answers for *model*."""
        eventually(lambda: self.engine_of(model, key=key) == engine, f'engine "{engine}" answers for "{model}"')

    def await_status(self, model: str, status: int, *, key: str | None = KEY) -> httpx.Response:
        """Return the answer once its status is this one."""

        def look() -> httpx.Response | None:
            answer = self.ask(model, key=key)
            return answer if answer.status_code == status else None

        return eventually(look, f'"{model}" is answered with {status}')

    def fleet(self, namespace: Namespace, name: str, engine: str | None = None) -> Engine:
        """Create a fleet with one replica, the engine *engine* or a new one of the fleet's name."""
        behind = self.engines[engine] if engine else self.engines.engine(f"{namespace.name}/{name}")
        namespace.fleet(name, engine={"version": "0.25.1", "maxNumSeqs": 64})
        namespace.create(endpoint_slice(name, behind.port))
        return behind

    def _platform_file(self) -> Path:
        path = self.directory / "platform.yaml"
        gateway = {"enabled": True, "secretNamespaces": sorted([self.own.name, self.other.name, *self.forbidden])}
        path.write_text(yaml.safe_dump({"gateway": gateway}))
        return path

    def _certificate(self) -> TlsSecret:
        """Return what the leader has written for gateways."""

        def look() -> Json | None:
            answer = self.own.http.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/modelfleet-gateway-tls")
            return answer.json()["data"] if answer.is_success else None

        data = {name: base64.b64decode(text) for name, text in eventually(look, "a certificate for gateways").items()}
        return TlsSecret(data["tls.crt"], data["tls.key"], data["ca.crt"])


JSON = {"content-type": "application/json"}


@contextmanager
def gate(operators: Operators, own: Namespace, other: Namespace, engines: Engines) -> Iterator[Gate]:
    """Yield a gateway without operators yet; whatever runs at the end is ended."""
    directory = Path(tempfile.mkdtemp(prefix="gate-"))
    operators.stop_all()
    for namespace in (own, other):
        _grant_secrets(namespace)
    with ExitStack() as running:
        running.callback(shutil.rmtree, directory)
        running.callback(operators.stop_all)
        http = running.enter_context(httpx.Client(trust_env=False, timeout=30))
        yield Gate(operators, engines, own, other, directory, running, http)


def api_keys(name: str = "clients", *, labels: Mapping[str, str] | None = None, **keys: str) -> Json:
    """Return a Secret with keys of callers, by user."""
    data = {user: base64.b64encode(key.encode()).decode() for user, key in keys.items()}
    meta = {"name": name, "labels": dict(labels or {})}
    return {"apiVersion": "v1", "kind": "Secret", "type": API_KEYS_TYPE, "metadata": meta, "data": data}


def route_policy(name: str, *fleets: str, models: list[str], **spec: Any) -> Json:
    """Return a policy that sends *models* to *fleets*."""
    rule = {"name": "all", "backends": [{"modelDeployment": fleet} for fleet in fleets]}
    whole = {"models": models, "rules": [rule], **spec}
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": {"name": name},
        "spec": whole,
    }


def endpoint_slice(fleet: str, port: int, *, ready: bool = True) -> Json:
    """Return what a cluster's controller makes of a fleet's Service with one replica."""
    labels = {MANAGED_BY_LABEL: MANAGED_BY, FLEET_LABEL: fleet, "kubernetes.io/service-name": fleet}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{fleet}-1", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": ENGINE_PORT_NAME, "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [SOMEWHERE], "conditions": {"ready": ready}}],
    }


def _grant_secrets(namespace: Namespace) -> None:
    """Let operators read the Secrets of *namespace*, as the chart does for those of its value `secrets.namespaces`."""
    group = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}
    meta = {"name": "modelfleet-secrets"}
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": meta, "rules": [rule]}
    reference = {"apiGroup": group, "kind": "Role", "name": "modelfleet-secrets"}
    subject = {"apiGroup": group, "kind": "Group", "name": OPERATORS}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": reference,
        "subjects": [subject],
    }
    place = f"/apis/{group}/v1/namespaces/{namespace.name}"
    namespace.http.post(f"{place}/roles", json=role).raise_for_status()
    namespace.http.post(f"{place}/rolebindings", json=binding).raise_for_status()


def _address(port: int) -> Json:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}
