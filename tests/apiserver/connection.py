"""How tests reach an API server: a connection, an HTTP client, a kubeconfig for kubectl."""

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Connection:
    """An API server and the credentials for it; without a certificate authority, TLS is not verified."""

    server: str
    token: str = ""
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Self:
        """Return the connection of the current context; tokens and client certificates are understood."""
        config = yaml.safe_load(path.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        return cls(
            server=cluster["server"],
            token=user.get("token", ""),
            certificate_authority=_text(cluster, "certificate-authority", path.parent),
            client_certificate=_text(user, "client-certificate", path.parent),
            client_key=_text(user, "client-key", path.parent),
        )


def client(connection: Connection) -> httpx.Client:
    """Return an HTTP client with the credentials of *connection*; proxies of the environment are ignored."""
    headers = {"Authorization": f"Bearer {connection.token}"} if connection.token else {}
    return httpx.Client(
        base_url=connection.server,
        headers=headers,
        verify=_tls(connection),
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    )


def kubeconfig(connection: Connection) -> dict[str, Any]:
    """Return a kubeconfig for a connection by token to a server on loopback."""
    cluster = {"server": connection.server, "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": {"token": connection.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }


def _tls(connection: Connection) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=connection.certificate_authority or None)
    if not connection.certificate_authority:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if connection.client_certificate:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:  # ssl reads certificates from files only
            pem.write(f"{connection.client_certificate}\n{connection.client_key}\n")
            pem.flush()
            context.load_cert_chain(pem.name)
    return context


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _text(entry: dict[str, Any], key: str, directory: Path) -> str:
    if data := entry.get(f"{key}-data"):
        return base64.b64decode(data).decode()
    return (directory / entry[key]).read_text() if key in entry else ""
