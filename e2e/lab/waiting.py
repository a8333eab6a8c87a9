"""Wait for something to become true, for a bounded time."""

import time
from collections.abc import Callable

from e2e.lab.errors import LabError

INTERVAL_SECONDS = 0.05
"""Short beside the seconds that components take, long beside one check."""


def until(check: Callable[[], bool], *, what: str, seconds: float, hint: str = "") -> None:
    """Return as soon as *check* holds; raise LabError naming *what* after *seconds*."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise LabError(f"{what} must happen within {seconds:g} s and did not{'; ' + hint if hint else ''}")
        time.sleep(INTERVAL_SECONDS)
