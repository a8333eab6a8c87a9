"""The operator's own image, from the repository's Containerfile, as a user would build it."""

from collections.abc import Sequence
from pathlib import Path

from e2e.images import cache, debian_root
from e2e.images.debian_root import Recipe
from e2e.lab import debian
from e2e.lab.commands import run
from e2e.lab.locks import exclusive
from e2e.lab.progress import Progress, silent

NAME = "docker.io/modelfleet/operator:dev"
REPOSITORY = Path(__file__).parents[2]

_BASE_NAME = "docker.io/library/python:3.11-slim"
_BASE = Recipe(
    packages=("ca-certificates", "libstdc++6", "python3", "python3-pip"),
    commands=(
        # The official image has both names there, and a pip that may install beside Python's own packages.
        'ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
        'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
    ),
)
"""Stands in for Python's official image, which only a registry has."""

_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def archive(*, progress: Progress | None = None) -> Path:
    """Return an archive with the operator's image as the working tree is now; seconds when only sources changed."""
    progress = progress or silent()
    debian.ensure(debian.IMAGE_PACKAGES, progress=progress)
    base = debian_root.archive(_BASE, progress=progress)
    with exclusive("images/operator", progress=progress):
        _commit_base(base, progress)
        with progress.step(f"built {NAME}"):
            image = _build()
        path = cache.directory() / f"operator-{image[:12]}.tar"
        if not path.exists():
            with progress.step(f"wrote {path}"):
                _export(path)
    return cache.use(path, instead_of="operator-*.tar")


def _commit_base(base: Path, progress: Progress) -> None:
    """Put *base* under the name that the Containerfile starts from, unless it is there."""
    mark = f"localhost/{base.stem}"
    if _buildah(("images", "--quiet", "--filter", f"reference={mark}")):
        return
    with progress.step(f"committed a base as {_BASE_NAME}"):
        container = _buildah(("from", "scratch"))
        _buildah(("add", "--quiet", container, base, "/"))
        _buildah(("config", "--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", container))
        _buildah(("commit", "--quiet", "--rm", container, _BASE_NAME))
        _buildah(("tag", _BASE_NAME, mark))


def _build() -> str:
    """Build the image and return its identifier; layers whose inputs did not change come from the cache."""
    how = ("--layers", "--isolation=chroot", "--pull=never", "--quiet")
    # A machine behind a proxy of its own has an authority of its own: what it trusts, the build must trust.
    trust = f"--volume={_AUTHORITIES}:{_AUTHORITIES}:ro"
    return _buildah(("build", *how, trust, "--tag", NAME, "--file", REPOSITORY / "Containerfile", REPOSITORY))


def _export(path: Path) -> None:
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    _buildah(("push", "--quiet", NAME, f"docker-archive:{draft}:{NAME}"))
    draft.replace(path)


def _buildah(arguments: Sequence[str | Path]) -> str:
    """Run buildah on a store of its own, so that nobody else's images are touched, and return what it prints."""
    store = cache.directory() / "buildah"
    places = ("--root", store, "--runroot", store / "run", "--storage-driver", "overlay")
    return run(("buildah", *places, *arguments)).stdout.strip()
