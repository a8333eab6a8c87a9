"""Images as `docker save` writes them, built from bytes: what `ctr images import` reads."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""This machine, as images and releases spell it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One uncompressed tar of a file system, on disk."""

    path: Path
    digest: str

    @classmethod
    def of(cls, path: Path) -> "Layer":
        """Return the layer in the tar at *path*; reads it once for its digest."""
        with path.open("rb") as content:
            return cls(path=path, digest=hashlib.file_digest(content, "sha256").hexdigest())


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its full name, its layers from the bottom up, and how it runs."""

    name: str
    layers: Sequence[Layer]
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_directory: str = "/"

    def config(self) -> bytes:
        """Return the configuration that containers start from."""
        runtime = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "Env": [f"{key}={value}" for key, value in self.environment.items()],
            "User": self.user,
            "WorkingDir": self.working_directory,
        }
        content: dict[str, Any] = {
            "architecture": ARCHITECTURE,
            "os": "linux",
            "config": runtime,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
        }
        return json.dumps(content).encode()


def write_layer(path: Path, files: Mapping[str, tuple[bytes, int]]) -> Layer:
    """Write a tar of *files* (path in the image: content and mode) to *path*; the same files give the same bytes."""
    with tarfile.open(path, "w") as tar:
        for name, (content, mode) in sorted(files.items()):
            _add(tar, name, content, mode=mode)
    return Layer.of(path)


def write_archive(path: Path, images: Sequence[Image]) -> None:
    """Write *images* into one archive at *path*, at once or not at all; layers they share are stored once."""
    draft = path.with_suffix(".draft")
    with tarfile.open(draft, "w") as tar:
        for layer in {layer.digest: layer for image in images for layer in image.layers}.values():
            tar.add(layer.path, arcname=f"{layer.digest}.tar")
        for image in images:
            _add(tar, _config_name(image), image.config())
        _add(tar, "manifest.json", json.dumps([_manifest(image) for image in images]).encode())
    draft.replace(path)


def _manifest(image: Image) -> dict[str, Any]:
    layers = [f"{layer.digest}.tar" for layer in image.layers]
    return {"Config": _config_name(image), "RepoTags": [image.name], "Layers": layers}


def _config_name(image: Image) -> str:
    return f"{hashlib.sha256(image.config()).hexdigest()}.json"


def _add(tar: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
