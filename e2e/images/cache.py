"""Where finished images wait for the next lab."""

import os
import time
from pathlib import Path

_UNUSED_SECONDS = 3600
"""Longer than anybody needs between asking for an archive and reading it."""


def directory() -> Path:
    """Return the cache of images, which may be removed at any time; made if absent."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(home) / "modelfleet" / "images"
    path.mkdir(parents=True, exist_ok=True)
    return path


def use(path: Path, *, instead_of: str) -> Path:
    """
    Return *path*, and remove the archives like *instead_of* that nobody asked for in the last hour.

    Each archive holds a whole root file system, and sources change often; others may be reading theirs at the moment.
    """
    path.touch()
    for other in directory().glob(instead_of):
        if time.time() - other.stat().st_mtime > _UNUSED_SECONDS:
            other.unlink(missing_ok=True)
    return path
