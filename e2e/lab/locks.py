"""Mutual exclusion between lab commands that leaves no lock file behind."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from e2e.lab.errors import LabError
from e2e.lab.progress import Progress

_WAIT_SECONDS = 3600
"""A build of Kubernetes may be going on."""


@contextmanager
def exclusive(what: str, *, progress: Progress) -> Iterator[None]:
    """
    Hold the machine-wide lock named *what* while the body runs; wait up to an hour for whoever has it.

    The lock is an abstract Unix socket: the kernel drops it when its holder dies, however it dies.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        _bind(lock, what, progress)
        yield


def _bind(lock: socket.socket, what: str, progress: Progress) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    told = False
    while True:
        try:
            lock.bind(f"\0modelfleet-lab/{what}")
        except OSError:
            if time.monotonic() > deadline:
                raise LabError(f"another process has held {what!r} for {_WAIT_SECONDS} s; end it first") from None
            if not told:
                progress.note(f"waiting for another command on {what!r}")
                told = True
            time.sleep(0.2)
        else:
            return
