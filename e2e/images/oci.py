"""An image as an OCI layout in a tar: what `ctr images import` reads too, under a digest that is known beforehand."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from e2e.images.archive import Image

_INDEX = "index.json"
_IMAGE_TYPE = "application/vnd.oci.image"
_NAME = "io.containerd.image.name"
"""The annotation that gives an imported image its name."""


def write_oci_archive(path: Path, image: Image) -> str:
    """
    Write *image* to *path*, at once or not at all, and return its digest, ``sha256:…``.

    It is imported under its own name and under the repository's name with the digest, as if it had been pulled by both.
    """
    config = image.config()
    layers = [
        {"mediaType": f"{_IMAGE_TYPE}.layer.v1.tar", "digest": f"sha256:{layer.digest}", "size": _size(layer.path)}
        for layer in image.layers
    ]
    described = _descriptor("config.v1+json", config)
    manifest = _json(
        {"schemaVersion": 2, "mediaType": f"{_IMAGE_TYPE}.manifest.v1+json"} | {"config": described, "layers": layers}
    )
    found = _descriptor("manifest.v1+json", manifest)
    repository = image.name.rpartition(":")[0]
    names = (image.name, f"{repository}@{found['digest']}")
    index = {"schemaVersion": 2, "manifests": [found | {"annotations": {_NAME: name}} for name in names]}
    draft = path.with_suffix(".draft")
    with tarfile.open(draft, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        for layer in image.layers:
            tar.add(layer.path, arcname=f"blobs/sha256/{layer.digest}")
        for blob in (config, manifest):
            _add(tar, f"blobs/sha256/{_sha256(blob)}", blob)
        _add(tar, _INDEX, _json(index))
    draft.replace(path)
    return str(found["digest"])


def digest_of(archive: Path) -> str:
    """Return the digest of the image in *archive*, which `write_oci_archive` wrote."""
    with tarfile.open(archive) as tar:
        content = tar.extractfile(_INDEX)
        assert content is not None
        return str(json.load(content)["manifests"][0]["digest"])


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": f"{_IMAGE_TYPE}.{kind}", "digest": f"sha256:{_sha256(blob)}", "size": len(blob)}


def _sha256(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
