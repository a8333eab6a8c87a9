"""Who may talk to whom: one certificate authority per lab, bearer tokens, kubeconfig files."""

import base64
import secrets
from dataclasses import dataclass
from pathlib import Path

import yaml

from e2e.lab import network
from e2e.lab.commands import run
from e2e.lab.layout import NODE_NAME, Layout

API_PORT = 6443
_EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")
"""Elliptic curves: making five RSA keys would cost a second of every start."""
_DAYS = "365"


@dataclass(frozen=True, slots=True)
class _User:
    token: str
    name: str
    groups: str

    @property
    def line(self) -> str:
        """One row of the API server's token file: token, user, uid, groups."""
        return f'{self.token},{self.name},{self.name},"{self.groups}"'


def create(layout: Layout) -> None:
    """Write certificates, the service-account key, the token file and the kubeconfig files."""
    layout.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_authority(layout.pki)
    _make_service_account_key(layout.pki)
    _make_certificate(layout.pki, "apiserver", names=_server_names(layout))
    _make_certificate(layout.pki, "kubelet", names=f"DNS:{NODE_NAME},IP:{network.NODE_ADDRESS}")
    _make_certificate(layout.pki, "apiserver-to-kubelet", subject="/O=system:masters/CN=apiserver")
    _make_tokens(layout)


def _make_tokens(layout: Layout) -> None:
    admin = _User(secrets.token_hex(16), "lab-admin", "system:masters")
    kubelet = _User(secrets.token_hex(16), f"system:node:{NODE_NAME}", "system:nodes")
    (layout.pki / "tokens.csv").write_text(f"{admin.line}\n{kubelet.line}\n")
    inside = f"https://{network.NODE_ADDRESS}:{API_PORT}"
    outside = f"https://{network.outer_address(layout)}:{API_PORT}"
    _write_kubeconfig(layout, layout.kubeconfig, server=outside, user=admin)
    _write_kubeconfig(layout, layout.inner_kubeconfig, server=inside, user=admin)
    _write_kubeconfig(layout, layout.kubelet / "kubeconfig", server=inside, user=kubelet)


def _write_kubeconfig(layout: Layout, path: Path, *, server: str, user: _User) -> None:
    authority = base64.b64encode((layout.pki / "ca.crt").read_bytes()).decode()
    name = layout.cluster
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": user.name, "user": {"token": user.token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user.name}}],
        "current-context": name,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def _server_names(layout: Layout) -> str:
    hosts = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    addresses = (network.KUBERNETES_SERVICE, network.NODE_ADDRESS, network.outer_address(layout), "127.0.0.1")
    return ",".join((*(f"DNS:{host}" for host in ("localhost", *hosts)), *(f"IP:{address}" for address in addresses)))


def _make_authority(pki: Path) -> None:
    request = ("openssl", "req", "-x509", *_EC_KEY, "-days", _DAYS, "-subj", "/CN=modelfleet-lab")
    run((*request, "-keyout", pki / "ca.key", "-out", pki / "ca.crt"))


def _make_certificate(pki: Path, name: str, *, names: str = "", subject: str = "") -> None:
    request = ("openssl", "req", "-x509", *_EC_KEY, "-days", _DAYS, "-subj", subject or f"/CN={name}")
    signer = ("-CA", pki / "ca.crt", "-CAkey", pki / "ca.key", "-addext", "basicConstraints=critical,CA:false")
    alternative = ("-addext", f"subjectAltName={names}") if names else ()
    run((*request, *signer, *alternative, "-keyout", pki / f"{name}.key", "-out", pki / f"{name}.crt"))


def _make_service_account_key(pki: Path) -> None:
    run(("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", pki / "sa.key"))
    run(("openssl", "pkey", "-in", pki / "sa.key", "-pubout", "-out", pki / "sa.pub"))
