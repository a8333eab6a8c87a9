"""TLS for clients: the certificate of the chart's files, shown by the listener that the operator sends."""

import json
import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from tests.apiserver.waiting import eventually
from tests.chart.rendering import Helm, gateway_files, merged, nested
from tests.envoy.authority import Authority, authority
from tests.envoy.client_listener import ALICE, KEYS, cluster, served, table
from tests.envoy.envoy_process import LOOPBACK, Envoy, free_ports
from tests.envoy.stand_in_engine import StandInEngine

from modelfleet.gateway.ir import Frame, Gateway
from modelfleet.gateway.render.bootstrap import static_bootstrap
from modelfleet.gateway.render.listeners import CLIENT_TLS_FILE, Ports

pytestmark = pytest.mark.envoy

HOST = "models.example.com"
MOUNT = "/etc/modelfleet/client-tls"
"""Where the chart mounts the Secret."""
CHAT = table("chat")


@dataclass
class Front:
    """A gateway that speaks TLS, who vouches for its certificate, and the Secret as the kubelet mounts it."""

    port: int
    trust: Authority
    mount: Path

    def renew(self) -> None:
        """Replace the certificate in one step."""
        count = len([*self.mount.iterdir()])
        data = self.mount / f"..{count}"
        data.mkdir()
        self.trust.server(HOST)
        for name, made in (("tls.crt", f"{HOST}.pem"), ("tls.key", f"{HOST}.key")):
            shutil.copy(self.trust.directory / made, data / name)
            if not (self.mount / name).is_symlink():
                (self.mount / name).symlink_to(f"..data/{name}")
        (self.mount / "..new").symlink_to(data.name)
        (self.mount / "..new").rename(self.mount / "..data")

    def connect(self, *protocols: str, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLSocket:
        """Return a connection as a client makes it."""
        context = ssl.create_default_context(cafile=self.trust.trusted_ca)
        context.set_alpn_protocols([*protocols])
        context.maximum_version = most
        return context.wrap_socket(socket.create_connection((LOOPBACK, self.port), 10), server_hostname=HOST)

    def shown(self) -> bytes | None:
        """Return the certificate that a new connection is shown."""
        with self.connect("h2") as connection:
            return connection.getpeercert(binary_form=True)


@pytest.fixture(scope="module")
def front(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    directory, port, sink = tmp_path_factory.mktemp("tls"), *free_ports(2)
    made = Front(port, authority(tmp_path_factory.mktemp("authority")), directory / "secret")
    made.mount.mkdir()
    made.renew()
    objects = helm.render(
        merged(nested("gateway.enabled", value=True), nested("gateway.clientTls.secretName", "names"))
    )
    files = gateway_files(objects)[Path(CLIENT_TLS_FILE).name]
    (directory / "client-tls.yaml").write_text(json.dumps(yaml.safe_load(files.replace(MOUNT, str(made.mount)))))
    gateway = Gateway(frame=Frame(client_tls=True), tables={CHAT.name: CHAT}, keys=KEYS)
    with StandInEngine() as engine:
        parts = served([CHAT], {"models/engine": cluster("models/engine", engine.port)})
        built = static_bootstrap(gateway, parts, ports=Ports(gateway_tls=port, sink=sink), address=LOOPBACK)
        text = json.dumps(built).replace(CLIENT_TLS_FILE, str(directory / "client-tls.yaml"))
        with Envoy(json.loads(text)) as envoy:
            envoy.await_ready()
            yield made


def test_clients_are_answered_over_tls(front: Front) -> None:
    context = ssl.create_default_context(cafile=front.trust.trusted_ca)
    with httpx.Client(verify=context, trust_env=False) as client:
        answer = client.post(
            f"https://{LOOPBACK}:{front.port}/v1/chat/completions",
            json={"model": "chat"},
            headers={"authorization": f"Bearer {ALICE}", "host": HOST},
            extensions={"sni_hostname": HOST},
        )

    assert answer.status_code == 200


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_clients_choose_the_protocol(front: Front, protocol: str) -> None:
    with front.connect(protocol) as connection:
        assert connection.selected_alpn_protocol() == protocol


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls_that_are_in_use_are_spoken(front: Front, version: ssl.TLSVersion) -> None:
    with front.connect("h2", most=version) as connection:
        assert connection.version() == version.name.replace("_", ".")


def test_nothing_is_said_without_tls(front: Front) -> None:
    with socket.create_connection((LOOPBACK, front.port), 10) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")

        assert b"HTTP/1.1" not in _rest(connection)


def test_a_renewed_certificate_is_shown_to_the_next_connection(front: Front) -> None:
    with front.connect("http/1.1") as before:
        old = before.getpeercert(binary_form=True)
        front.renew()
        eventually(lambda: front.shown() != old, "the new certificate is shown")
        before.sendall(b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

        assert _rest(before).startswith(b"HTTP/1.1 404 ")


def _rest(connection: socket.socket) -> bytes:
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionResetError:
        pass
    return received
