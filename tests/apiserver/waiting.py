"""Waiting for what another process does, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

WITHIN_SECONDS = 30.0
"""Far more than anything takes on an idle machine: the machines of tests are busy."""
POLL_SECONDS = 0.05


def eventually(look: Callable[[], Found | None], what: str, *, within: float = WITHIN_SECONDS) -> Found:
    """Return what *look* finds, as soon as it finds something; *what* is said when it never does."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        time.sleep(POLL_SECONDS)
    return found
