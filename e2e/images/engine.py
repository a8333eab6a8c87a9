"""The stand-in engine as an image, under the names that vLLM's own images have."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from e2e.images import cache, debian_root
from e2e.images.archive import Image, Layer, write_archive, write_layer
from e2e.images.debian_root import Recipe
from e2e.lab.locks import exclusive
from e2e.lab.progress import Progress, silent

REPOSITORY = "docker.io/vllm/vllm-openai"
SOURCE = Path(__file__).parents[1] / "engine"

_HOME = "opt/engine"
_SCRIPT = "vllm"
_BASE = Recipe(packages=("ca-certificates", "python3", "python3-aiohttp", "python3-prometheus-client"))
_PACKAGE_MARK = '"""Root of the stand-in engine\'s package."""\n'


def archive(versions: Sequence[str], *, source: Path = SOURCE, progress: Progress | None = None) -> Path:
    """
    Return an archive with one image per vLLM version, all of the same content; made anew when *source* changes.

    The image's ``VLLM_VERSION`` tells the engine which version it stands for.
    """
    progress = progress or silent()
    base = debian_root.archive(_BASE, progress=progress)
    files = dict(_files(source))
    key = _key(base, files, versions)
    path = cache.directory() / f"engine-{key}.tar"
    with exclusive("images/engine", progress=progress):
        if not path.exists():
            with progress.step(f"images of the stand-in engine for {', '.join(versions)}"):
                layer = write_layer(cache.directory() / "engine.layer", files)
                layers = [Layer.of(base), layer]
                write_archive(path, [_image(version, layers) for version in versions])
    return cache.use(path, instead_of="engine-*.tar")


def _image(version: str, layers: Sequence[Layer]) -> Image:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": f"/{_HOME}",
        "PYTHONUNBUFFERED": "1",
        "VLLM_VERSION": version,
    }
    return Image(f"{REPOSITORY}:v{version}", layers, entrypoint=("vllm", "serve"), environment=environment)


def _files(source: Path) -> Iterator[tuple[str, tuple[bytes, int]]]:
    """Yield the script and the package around it, as ``e2e.engine`` below a directory that Python searches."""
    yield f"{_HOME}/e2e/__init__.py", (_PACKAGE_MARK.encode(), 0o644)
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"{_HOME}/e2e/engine/{path.relative_to(source)}", (path.read_bytes(), 0o644)
    yield f"usr/local/bin/{_SCRIPT}", ((source / _SCRIPT).read_bytes(), 0o755)


def _key(base: Path, files: dict[str, tuple[bytes, int]], versions: Sequence[str]) -> str:
    digest = hashlib.sha256(f"{base.name} {' '.join(versions)}".encode())
    for name, (content, _) in files.items():
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:12]
