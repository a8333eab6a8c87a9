"""How the garbage collector treats a process that keeps many small objects for long."""

import gc

THRESHOLDS = (100_000, 50, 1000)
"""With 10,000 cached objects the collector's full passes were half of the CPU of a start at Python's own thresholds."""


def tune_collector() -> None:
    """Make full collections rare; cached objects contain no cycles, so that counting references frees them."""
    gc.set_threshold(*THRESHOLDS)
