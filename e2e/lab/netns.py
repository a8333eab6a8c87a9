"""Step into a lab's network namespace, where pod and service addresses answer."""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.lab.layout import Layout

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def command(layout: Layout, argv: Sequence[str]) -> list[str]:
    """Return *argv* as a command that runs inside the namespace."""
    return ["nsenter", f"--net={layout.namespace_path}", "--", *argv]


def run_in(layout: Layout, argv: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run *argv* inside the namespace and return it with its output as text."""
    return subprocess.run(command(layout, argv), capture_output=True, text=True, check=check)


@contextmanager
def entered(layout: Layout) -> Iterator[None]:
    """
    Move the calling thread into the namespace while the body runs.

    Sockets that this thread makes inside belong to the lab for their whole life, also after the body; other threads
    notice nothing. Asyncio resolves names in other threads: use addresses there, not names.
    """
    with Path("/proc/thread-self/ns/net").open("rb") as home, layout.namespace_path.open("rb") as lab:
        _enter(lab.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")
