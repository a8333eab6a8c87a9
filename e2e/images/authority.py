"""The authority that the lab's Envoy trusts besides the world's, for hosts outside of the cluster that tests play."""

import ssl
import tempfile
from pathlib import Path

from e2e.images import cache
from e2e.lab.commands import run
from e2e.lab.locks import exclusive
from e2e.lab.progress import silent

_EC_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "3650")


def certificate() -> bytes:
    """Return its certificate, PEM; made once, and kept with the images."""
    return (_authority() / "ca.crt").read_bytes()


def server(host: str) -> ssl.SSLContext:
    """Return what a server called *host* shows."""
    authority = _authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as text:
        key, shown = Path(text, "tls.key"), Path(text, "tls.crt")
        request = ("openssl", "req", "-x509", *_EC_KEY, "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
        signer = ("-CA", authority / "ca.crt", "-CAkey", authority / "ca.key")
        leaf = ("-addext", "basicConstraints=critical,CA:FALSE")
        run((*request, *leaf, *signer, "-keyout", key, "-out", shown))
        context.load_cert_chain(shown, key)
    return context


def _authority() -> Path:
    directory = cache.directory() / "authority"
    with exclusive("images/authority", progress=silent()):
        if not (directory / "ca.crt").exists():
            directory.mkdir(mode=0o700, exist_ok=True)
            request = ("openssl", "req", "-x509", *_EC_KEY, "-subj", "/CN=hosts outside of modelfleet's labs")
            run((*request, "-keyout", directory / "ca.key", "-out", directory / "ca.new"))
            (directory / "ca.new").rename(directory / "ca.crt")
    return directory
