"""
Start and stop the lab's daemons.

A daemon is remembered by pid *and* start time, so that a pid which the kernel has used again is never taken for it.
"""

import json
import os
import select
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.lab import cgroups, netns
from e2e.lab.commands import run
from e2e.lab.errors import LabError
from e2e.lab.layout import Layout

_LAUNCH = 'echo $$ >"$1" && log=$2 && shift 2 && { "$@" >>"$log" 2>&1 </dev/null & echo $!; }'
"""The shell joins the control group before the daemon exists, so that no moment is left in which a kill could miss it;
the daemon's parent ends at once, so nobody here has to reap it."""

_LOG_TAIL_LINES = 15
_KILL_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Component:
    """A program to run in the lab's network namespace."""

    name: str
    argv: tuple[str, ...]
    path: str = ""
    """Directories to search before PATH, for programs that start others."""


@dataclass(frozen=True, slots=True)
class Record:
    """A started component, as written to disk."""

    component: Component
    pid: int
    started: str
    """Boot identifier and start time in clock ticks since that boot: with the pid it names one process for ever."""


def start(layout: Layout, component: Component) -> Record:
    """Start *component* in the lab's namespace and control group; it survives this process."""
    files = (str(cgroups.join_file(layout)), str(layout.log(component.name)))
    script = ("sh", "-c", _LAUNCH, "sh", *files, *netns.command(layout, component.argv))
    path = f"{component.path}:{os.environ['PATH']}" if component.path else os.environ["PATH"]
    pid = int(run(("setsid", *script), env={**os.environ, "PATH": path}).stdout)
    record = Record(component=component, pid=pid, started=_start_of(pid) or "")
    _write(layout, record)
    return record


def restart(layout: Layout, name: str) -> Record:
    """Start the component called *name* again, as it was started before; a running one is left alone."""
    record = recorded(layout, name)
    return record if is_running(record) else start(layout, record.component)


def stop(record: Record, *, seconds: float = 10) -> None:
    """Ask the process of *record* to end and wait for that; after *seconds*, at once if 0, kill it."""
    try:
        pidfd = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return
    try:
        if is_running(record):  # checked while the descriptor pins the process: the number may have been used again
            _end(pidfd, seconds)
    except ProcessLookupError:
        return
    finally:
        os.close(pidfd)


def is_running(record: Record) -> bool:
    """Whether the very process of *record* lives; a zombie does not."""
    return bool(record.started) and _start_of(record.pid) == record.started


def recorded(layout: Layout, name: str) -> Record:
    """Return the record of the component called *name*."""
    try:
        raw = json.loads((layout.records / f"{name}.json").read_text())
    except FileNotFoundError:
        names = ", ".join(record.component.name for record in records(layout)) or "none"
        raise LabError(f"{name!r} must be a component of lab {layout.name!r}, which has: {names}") from None
    component = Component(**{**raw["component"], "argv": tuple(raw["component"]["argv"])})
    return Record(component=component, pid=raw["pid"], started=raw["started"])


def records(layout: Layout) -> list[Record]:
    """Return every component that was started, by name."""
    return [recorded(layout, path.stem) for path in sorted(layout.records.glob("*.json"))]


def log_tail(layout: Layout, name: str) -> str:
    """Return the last lines that the component called *name* wrote."""
    log = layout.log(name)
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])


def _write(layout: Layout, record: Record) -> None:
    layout.records.mkdir(parents=True, exist_ok=True)
    target = layout.records / f"{record.component.name}.json"
    draft = target.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(target)


def _end(pidfd: int, seconds: float) -> None:
    if seconds > 0:
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        if _ended(pidfd, seconds):
            return
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    _ended(pidfd, _KILL_SECONDS)


def _ended(pidfd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _start_of(pid: int) -> str | None:
    """Return what tells this process from any other one that has or had *pid*; None when it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name in parentheses may hold anything
    if state in "ZX":
        return None
    return f"{_boot_id()} {fields[18]}"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
