"""Root file systems of Debian packages: what images start from where no registry can be asked."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from e2e.images import cache
from e2e.lab import debian
from e2e.lab.commands import run
from e2e.lab.errors import LabError
from e2e.lab.progress import Progress

_LEFT_OUT = ("doc", "info", "locale", "man")
"""Half of the files, and nothing that runs."""

_SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is in a root file system."""

    packages: tuple[str, ...]
    commands: tuple[str, ...] = ()
    """Shell commands to run at the end; ``$1`` is the root."""

    def key(self, suite: str) -> str:
        """Return what names this content in the cache."""
        return hashlib.sha256(json.dumps([suite, self.packages, self.commands, _LEFT_OUT]).encode()).hexdigest()[:12]


def archive(recipe: Recipe, *, progress: Progress) -> Path:
    """Return a tar with the root file system of *recipe*, in this machine's Debian release; made once, in a minute."""
    suite = _suite()
    path = cache.directory() / f"root-{suite}-{recipe.key(suite)}.tar"
    if not path.exists():
        debian.ensure(debian.IMAGE_PACKAGES, progress=progress)
        with progress.step(f"root file system of Debian {suite} with {', '.join(recipe.packages)}"):
            _make(recipe, suite, path)
    return path


def _make(recipe: Recipe, suite: str, path: Path) -> None:
    draft = path.with_suffix(".draft")
    left_out = [f"--dpkgopt=path-exclude=/usr/share/{directory}/*" for directory in _LEFT_OUT]
    hooks = [f"--customize-hook={command}" for command in recipe.commands]
    shape = ("--mode=root", "--variant=essential", "--format=tar", f"--include={','.join(recipe.packages)}")
    # Without a fixed time the same packages would make another layer each time, and every image on it anew.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    run(("mmdebstrap", *shape, *left_out, *hooks, suite, draft, *_host_sources()), env=environment)
    draft.replace(path)


def _suite() -> str:
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    if release.get("ID") != "debian":
        raise LabError(
            f"images must be made on Debian, found {release.get('ID')!r}; load archives made elsewhere instead"
        )
    return release["VERSION_CODENAME"]


def _host_sources() -> list[Path]:
    """Return the files that say where this machine gets its packages from."""
    return [path for path in _SOURCES if path.exists()]
