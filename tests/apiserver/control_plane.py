"""A kube-apiserver with its etcd on loopback: enough for validation, defaults, subresources and server-side apply."""

import secrets
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.apiserver.connection import Connection, client

START_SECONDS = 60
"""Longest wait for `/readyz`; 4 s on an idle machine of two cores, many times that when it is busy."""
POLL_SECONDS = 0.1
STOP_SECONDS = 10
LOOPBACK = "127.0.0.1"
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
"""Makes the kernel end a process when the one that started it ends."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of loopback nobody listened on a moment ago."""

    etcd: int
    etcd_peers: int
    api: int


@contextmanager
def control_plane(binaries: Mapping[str, Path], directory: Path) -> Iterator[Connection]:
    """
    Run etcd and kube-apiserver in *directory*, and yield the connection of an administrator.

    Both end with the block, and with the test run when that is killed.
    """
    token = secrets.token_hex(16)
    (directory / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    _write_key(directory / "service-account.key")
    ports = Ports(*_free_ports(3))
    connection = Connection(server=f"https://{LOOPBACK}:{ports.api}", token=token)
    with ExitStack() as running:
        running.enter_context(_process(_etcd(binaries["etcd"], directory, ports), directory / "etcd.log"))
        api_log = directory / "kube-apiserver.log"
        api = running.enter_context(_process(_api_server(binaries["kube-apiserver"], directory, ports), api_log))
        _wait_until_ready(connection, api, api_log)
        yield connection


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


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]


@contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
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
