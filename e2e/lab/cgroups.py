"""
One control group per lab: the fence around every process of it, pods included.

Daemons are put into ``<lab>/daemons`` when they start and their children stay there; the kubelet makes the pods'
groups below ``<lab>/node``. Ending a lab is then exact: whoever is inside belongs to it, whoever is not does not.
"""

import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

from e2e.lab import waiting
from e2e.lab.layout import Layout

_ROOT = Path("/sys/fs/cgroup")
_TRACKING_CONTROLLER = "pids"
"""The version-1 hierarchy whose membership counts; runc joins all of them, so one is enough."""

DAEMONS = "daemons"
NODE = "node"


def unified() -> bool:
    """Whether this machine has the single version-2 hierarchy."""
    return (_ROOT / "cgroup.controllers").exists()


def create(layout: Layout) -> None:
    """Make the lab's groups in every hierarchy; what is there already stays."""
    for hierarchy in _hierarchies():
        for group in (DAEMONS, NODE):
            (hierarchy / layout.cgroup / group).mkdir(parents=True, exist_ok=True)
    if unified():
        _delegate(layout)


def join_file(layout: Layout) -> Path:
    """Return the file that takes the pid of a new daemon."""
    return _tracking() / layout.cgroup / DAEMONS / "cgroup.procs"


def exists(layout: Layout) -> bool:
    """Whether any group of the lab is there."""
    return any((hierarchy / layout.cgroup).exists() for hierarchy in _hierarchies())


def members(layout: Layout) -> list[int]:
    """Return the pids of every process in the lab."""
    pids: list[int] = []
    for procs in (_tracking() / layout.cgroup).rglob("cgroup.procs"):
        try:
            pids += [int(line) for line in procs.read_text().split()]
        except OSError:  # a pod's group vanished meanwhile
            continue
    return pids


def kill(layout: Layout, *, seconds: float = 20) -> None:
    """End every process of the lab with SIGKILL, again and again until none is left; raise LabError after *seconds*."""

    def emptied() -> bool:
        pids = members(layout)
        for pid in pids:
            _kill_member(layout, pid)
        return not pids

    waiting.until(emptied, what=f"the end of every process of lab {layout.name!r}", seconds=seconds)


def remove(layout: Layout) -> None:
    """Remove the lab's groups, ending whoever still joins them, and the shared parent after the last lab."""
    for hierarchy in _hierarchies():
        top = hierarchy / layout.cgroup
        for directory, _, _ in os.walk(top, topdown=False):
            waiting.until(
                partial(_emptied_and_removed, layout, Path(directory)), what=f"the removal of {directory}", seconds=5
            )
        _removed(top.parent)


def _emptied_and_removed(layout: Layout, path: Path) -> bool:
    # A command of a start that was killed a moment ago may join only now.
    for pid in members(layout):
        _kill_member(layout, pid)
    return _removed(path)


def _removed(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _kill_member(layout: Layout, pid: int) -> None:
    """Kill *pid* only if it is in the lab once its file descriptor pins it: the number may have been used again."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if f"/{layout.cgroup}/" in Path(f"/proc/{pid}/cgroup").read_text():
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        pass
    finally:
        os.close(pidfd)


def _tracking() -> Path:
    return _ROOT if unified() else _ROOT / _TRACKING_CONTROLLER


def _hierarchies() -> list[Path]:
    if unified():
        return [_ROOT]
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(mount[1]) for mount in mounts if mount[2] in {"cgroup", "cgroup2"}]


def _delegate(layout: Layout) -> None:
    """Version 2 gives a group its controllers only when each group above hands them down."""
    lab = _ROOT / layout.cgroup
    for group in (_ROOT, lab.parent, lab, lab / NODE):
        for controller in (group / "cgroup.controllers").read_text().split():
            # One at a time: a controller that cannot be handed down must not keep back the others.
            with suppress(OSError):
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
