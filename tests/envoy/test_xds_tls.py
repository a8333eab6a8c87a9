"""Mutual TLS: a rotated certificate is used without a restart, and nobody else's is taken."""

import asyncio
import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.envoy.envoy_process import until
from tests.envoy.xds_world import T, acknowledged, fleet, world

from modelfleet.controller.serve.xds import ServerOptions

OPERATOR = "modelfleet-operator"
HOUR = dt.timedelta(hours=1)
SECRET = T + "envoy.extensions.transport_sockets.tls.v3.Secret"


@dataclass(frozen=True)
class Authority:
    """A CA that signs."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls) -> "Authority":
        """Return a new one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = _builder(name, name, key).add_extension(constraints, critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    def issue(self, name: str) -> tuple[bytes, bytes, bytes]:
        """Return certificate, key and CA as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        certificate = (
            _builder(subject, self.certificate.subject, key)
            .add_extension(names, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return certificate.public_bytes(pem), private, self.certificate.public_bytes(pem)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return x509.CertificateBuilder(
        issuer, subject, key.public_key(), x509.random_serial_number(), now - HOUR, now + HOUR
    )


class Mount:
    """A directory as a kubelet mounts a Secret: a link to a directory, swapped in one step."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._count = 0

    def write(self, certificate: bytes, key: bytes, ca: bytes) -> None:
        """Swap in these PEM files."""
        self._count += 1
        data = self.root / f"..{self._count}"
        data.mkdir()
        for name, content in (("tls.crt", certificate), ("tls.key", key), ("ca.crt", ca)):
            (data / name).write_bytes(content)
            if not (self.root / name).is_symlink():
                (self.root / name).symlink_to(f"..data/{name}")
        (self.root / "..data_tmp").symlink_to(data.name)
        (self.root / "..data_tmp").rename(self.root / "..data")

    def transport_socket(self, sds: Path) -> dict[str, Any]:
        """Return what Envoy's cluster needs to show this certificate, with its files of SDS in *sds*."""
        watched: dict[str, Any] = {"watched_directory": {"path": str(self.root)}}
        certificate = {
            "certificate_chain": {"filename": f"{self.root}/tls.crt"},
            "private_key": {"filename": f"{self.root}/tls.key"},
            **watched,
        }
        name = {"san_type": "DNS", "matcher": {"exact": OPERATOR}}
        validation = {
            "trusted_ca": {"filename": f"{self.root}/ca.crt"},
            "match_typed_subject_alt_names": [name],
            **watched,
        }
        parts = {"client": {"tls_certificate": certificate}, "ca": {"validation_context": validation}}
        for part, secret in parts.items():
            content = {"resources": [{"@type": SECRET, "name": part, **secret}]}
            (sds / f"{part}.yaml").write_text(yaml.safe_dump(content))
        source = {
            part: {"resource_api_version": "V3", "path_config_source": {"path": f"{sds}/{part}.yaml"}} for part in parts
        }
        context = {
            "@type": T + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": OPERATOR,
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
                "tls_certificate_sds_secret_configs": [{"name": "client", "sds_config": source["client"]}],
                "validation_context_sds_secret_config": {"name": "ca", "sds_config": source["ca"]},
            },
        }
        return {"name": "tls", "typed_config": context}


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    root = tmp_path / "certificates"
    root.mkdir()
    return Mount(root)


async def test_both_sides_rotate_without_a_restart(mount: Mount, tmp_path: Path) -> None:
    """After the rotation nothing that the old CA signed is in use: each side is known by its new certificate."""
    old, new = Authority.make(), Authority.make()
    served = [old.issue(OPERATOR)]
    mount.write(*old.issue("modelfleet-gateway"))
    async with world(tls=mount.transport_socket(tmp_path)) as w:
        options = ServerOptions(max_connection_age_seconds=1, max_connection_age_grace_seconds=0.2)
        replica = await w.replica((1, 1), w.base("chat"), certificates=lambda: served[-1], options=options)
        await w.ready()
        versions = w.envoy.stats("cluster.xds.ssl.versions")
        served.append(new.issue(OPERATOR))
        mount.write(*new.issue("modelfleet-gateway"))
        since = dt.datetime.now(dt.UTC)
        await until(lambda: any(g.connected_since > since for g in replica.server.connected()), "the gateway came back")
        changes = fleet("new", w.a)
        replica.server.put((1, 2), changes)
        await acknowledged(replica.server, changes)

        assert versions == {"cluster.xds.ssl.versions.TLSv1.3": 1}
        assert await asyncio.to_thread(w.ask, "new") == (200, "A")


@pytest.mark.parametrize("stranger", ["gateway", "operator", "plain"])
async def test_a_stranger_is_refused(stranger: str, mount: Mount, tmp_path: Path) -> None:
    ours, foreign = Authority.make(), Authority.make()
    certificate, key, _ = (foreign if stranger == "gateway" else ours).issue("modelfleet-gateway")
    mount.write(certificate, key, ours.issue("x")[2])
    operator = (*(foreign if stranger == "operator" else ours).issue(OPERATOR)[:2], ours.issue("x")[2])
    async with world(tls=None if stranger == "plain" else mount.transport_socket(tmp_path)) as w:
        replica = await w.replica((1, 1), w.base("chat"), certificates=lambda: operator)
        await until(lambda: w.envoy.stat("cluster.xds.upstream_cx_total") > 2, "the gateway tries")

        assert replica.server.connected() == ()
        assert not w.envoy.is_ready()


async def test_a_certificate_that_cannot_be_read_leaves_the_last_one_in_use(mount: Mount, tmp_path: Path) -> None:
    authority = Authority.make()
    operator = tmp_path / "operator"
    operator.mkdir()
    for name, content in zip(("crt", "key", "ca"), authority.issue(OPERATOR), strict=True):
        (operator / name).write_bytes(content)
    mount.write(*authority.issue("modelfleet-gateway"))

    def read() -> tuple[bytes, bytes, bytes]:
        certificate, key, ca = ((operator / name).read_bytes() for name in ("crt", "key", "ca"))
        return certificate, key, ca

    async with world(tls=mount.transport_socket(tmp_path)) as w:
        replica = await w.replica((1, 1), w.base("chat"), certificates=read)
        shutil.rmtree(operator)
        await w.ready()

        assert len(replica.server.connected()) == 1
