"""Issuers of tokens on loopback: keys, tokens, and the HTTPS server that shows the keys."""

import base64
import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from tests.envoy.envoy_process import LOOPBACK

HOST = "localhost"
FAR = 4102444800
"""The year 2100, in seconds."""


@dataclass
class Issuer:
    """Signs tokens with ES256."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def jwks(self) -> bytes:
        """Return the public key as an issuer shows it."""
        numbers = self.key.public_key().public_numbers()
        x, y = (_base64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.name, "x": x, "y": y}
        return json.dumps({"keys": [key]}).encode()

    def token(self, **claims: Any) -> str:
        """Return a token that is valid for decades, unless *claims* say something else."""
        known = {"iss": f"https://{self.name}", "sub": "dora", "aud": "llm", "exp": FAR, **claims}
        present = {key: value for key, value in known.items() if value is not None}
        head = {"alg": "ES256", "typ": "JWT", "kid": self.name}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (head, present))
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextmanager
def https_server(directory: Path, *issuers: Issuer) -> Iterator[tuple[int, Path]]:
    """Serve each issuer's keys at `/<name>`; yields the port, and the file of the authority to trust."""
    shown = {f"/{issuer.name}": issuer.jwks() for issuer in issuers}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = shown.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in http.server)
            """Say nothing."""

    certificate, key = _certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1]), certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _certificate(directory: Path) -> tuple[Path, Path]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = directory / "tls.crt", directory / "tls.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
