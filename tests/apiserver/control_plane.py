"""A kube-apiserver with its etcd on loopback: enough for validation, defaults, subresources and server-side apply."""

import itertools
import json
import random
import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.apiserver.connection import Connection, client

START_SECONDS = 60
"""Longest wait for `/readyz`; 4 s on an idle machine of two cores, many times that when it is busy."""
POLL_SECONDS = 0.1
STOP_SECONDS = 10
LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_768)
"""Below those that the system gives to outgoing connections, one of which could take a port before its server does."""
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
"""Makes the kernel end a process when the one that started it ends."""
OPERATORS = "modelfleet-operators"
"""The group of the users that operators under test are; it has no rights until somebody grants them."""
USERS = ("operator-a", "operator-b")
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "Metadata", "userGroups": [OPERATORS]},
    ],
}
"""What the operators write; the tests' own requests are many, and nobody counts them."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of loopback nobody listened on a moment ago."""

    etcd: int
    etcd_peers: int
    api: int


@dataclass(slots=True)
class ControlPlane:
    """A running API server, which tests may kill and start again on the same port and the same data."""

    connection: Connection
    """connection is an administrator's."""
    operators: Mapping[str, Connection]
    """operators are connections of the users in the group `OPERATORS`, by name."""
    audit_log: Path
    """audit_log has a line for each write of an operator."""
    command: Sequence[str]
    log: Path
    _running: ExitStack = field(default_factory=ExitStack)
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start the API server, and return when it is ready."""
        self._process = self._running.enter_context(_process(self.command, self.log))
        _wait_until_ready(self.connection, self._process, self.log)

    def kill(self) -> None:
        """End the API server without a farewell."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def stop(self) -> None:
        """End the API server."""
        self._running.close()


@contextmanager
def control_plane(binaries: Mapping[str, Path], directory: Path) -> Iterator[ControlPlane]:
    """
    Run etcd and kube-apiserver in *directory*.

    Both end with the block, and with the test run when that is killed.
    """
    tokens = {name: secrets.token_hex(16) for name in ("admin", *USERS)}
    _write_files(directory, tokens)
    ports = Ports(*free_ports(3))
    connections = {name: Connection(f"https://{LOOPBACK}:{ports.api}", token) for name, token in tokens.items()}
    plane = ControlPlane(
        connection=connections["admin"],
        operators={name: connections[name] for name in USERS},
        audit_log=directory / "audit.log",
        command=_api_server(binaries["kube-apiserver"], directory, ports),
        log=directory / "kube-apiserver.log",
    )
    with _process(_etcd(binaries["etcd"], directory, ports), directory / "etcd.log"):
        try:
            plane.start()
            yield plane
        finally:
            plane.stop()


def _write_files(directory: Path, tokens: Mapping[str, str]) -> None:
    groups = {"admin": "system:masters"}
    lines = (f"{token},{name},{name},{groups.get(name, OPERATORS)}\n" for name, token in tokens.items())
    (directory / "tokens.csv").write_text("".join(lines))
    (directory / "audit-policy.json").write_text(json.dumps(AUDIT_POLICY))
    _write_key(directory / "service-account.key")


def _etcd(binary: Path, directory: Path, ports: Ports) -> list[str]:
    clients = f"http://{LOOPBACK}:{ports.etcd}"
    return [
        str(binary),
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls=http://{LOOPBACK}:{ports.etcd_peers}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def _api_server(binary: Path, directory: Path, ports: Ports) -> list[str]:
    key = directory / "service-account.key"
    return [
        str(binary),
        f"--etcd-servers=http://{LOOPBACK}:{ports.etcd}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--secure-port={ports.api}",
        f"--cert-dir={directory / 'certificates'}",
        f"--token-auth-file={directory / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--disable-admission-plugins=ServiceAccount",  # without a controller manager nobody makes the accounts
        "--allow-privileged=true",
        f"--audit-policy-file={directory / 'audit-policy.json'}",
        f"--audit-log-path={directory / 'audit.log'}",
        "--audit-log-maxsize=100000",  # MB: whoever counts must find every line in one file
    ]


def _write_key(path: Path) -> None:
    command = [
        "openssl",
        "genpkey",
        "-quiet",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
        str(path),
    ]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (no shell, no outside input)


_unused_ports = iter(random.sample(PORTS, len(PORTS)))  # in an order of its own, as several runs may share a machine


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on, and that were not returned before."""
    found = itertools.islice(filter(_is_free, _unused_ports), count)
    return list(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


@contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 (no shell, no outside input)
            [*WITH_PARENT, *command],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(connection: Connection, process: subprocess.Popen[bytes], log: Path) -> None:
    with client(connection) as http:
        for _ in range(round(START_SECONDS / POLL_SECONDS)):
            if _is_ready(http):
                return
            if _ended(process):
                break
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"kube-apiserver must be ready within {START_SECONDS} s; the end of its log:\n{tail}")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Wait a moment; whether the process ended meanwhile."""
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").is_success
    except httpx.TransportError:
        return False
