"""Where finished images wait for the next lab."""

import os
from pathlib import Path


def directory() -> Path:
    """Return the cache of images, which may be removed at any time; made if absent."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(home) / "modelfleet" / "images"
    path.mkdir(parents=True, exist_ok=True)
    return path
