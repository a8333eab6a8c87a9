"""
Find or make the lab's programs.

For each tool, in this order: the PATH, when the whole set is there in a version that is new enough; the directory named
by LAB_BIN_DIR; the cache; the project's release, checked against its published checksum; a build from Go modules.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from e2e.lab import download, gobuild
from e2e.lab.errors import LabError
from e2e.lab.locks import exclusive
from e2e.lab.progress import Progress
from e2e.lab.tools import Tool

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)\.\d+")


def cache_directory() -> Path:
    """Return the directory that keeps programs between labs, by version."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "modelfleet" / "bin"


def ensure(tools: Iterable[Tool], *, progress: Progress) -> Mapping[str, Path]:
    """Return the path of every binary of *tools*, fetching or building what is missing."""
    found: dict[str, Path] = {}
    for tool in tools:
        found |= locate(tool) or _obtain(tool, progress)
    return found


def locate(tool: Tool) -> dict[str, Path] | None:
    """Return the binaries of *tool* if they are on this machine already."""
    return (
        _on_path(tool)
        or _in_directory(tool, os.environ.get("LAB_BIN_DIR"))
        or _in_directory(tool, cache_directory() / tool.folder)
    )


def _obtain(tool: Tool, progress: Progress) -> dict[str, Path]:
    """Make the tool's folder in the cache; two labs that start together do it once."""
    target = cache_directory() / tool.folder
    target.mkdir(parents=True, exist_ok=True)
    with exclusive(f"provision/{tool.folder}", progress=progress):
        if (there := _in_directory(tool, target)) is not None:
            return there
        if not download.fetch(tool, target, progress=progress):
            gobuild.build(tool, target, progress=progress)
    there = _in_directory(tool, target)
    if there is None:
        raise LabError(f"`{target}` must hold {', '.join(tool.binaries)} after provisioning; remove it and try again")
    return there


def _on_path(tool: Tool) -> dict[str, Path] | None:
    found = {binary: path for binary in tool.binaries if (path := shutil.which(binary))}
    if len(found) < len(tool.binaries):
        return None
    if any(not is_new_enough(_version_text(path, tool.version_command), tool.minimum) for path in found.values()):
        return None
    return {binary: Path(path) for binary, path in found.items()}


def _in_directory(tool: Tool, directory: str | Path | None) -> dict[str, Path] | None:
    if not directory:
        return None
    found = {binary: Path(directory) / binary for binary in tool.binaries}
    return found if all(os.access(path, os.X_OK) for path in found.values()) else None


def is_new_enough(text: str, minimum: tuple[int, int]) -> bool:
    """Whether the first version number in *text* is at least *minimum*; text without one is not."""
    match = _VERSION.search(text)
    return match is not None and (int(match[1]), int(match[2])) >= minimum


@cache
def _version_text(path: str, arguments: tuple[str, ...]) -> str:
    """Return what the program says about itself; asked once, since some take a tenth of a second to answer."""
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
