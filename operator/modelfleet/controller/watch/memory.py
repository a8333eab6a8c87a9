"""How the garbage collector treats a process that keeps many small objects for long."""

import gc

THRESHOLDS = (10_000, 500, 1000)
"""
With 10,000 cached objects the collector's full passes were half of the CPU of a start at Python's own thresholds.

New objects are looked at more often than older ones by far, as that is in proportion to them: 100,000 at once stop
everything for 26 to 60 ms, 10,000 for 4 (measured with 5,000 models).
"""


def tune_collector() -> None:
    """Make full collections rare; cached objects contain no cycles, so that counting references frees them."""
    gc.set_threshold(*THRESHOLDS)


def keep_for_long() -> None:
    """
    Have the collector never look again at the objects that there are, to be called once all is read and compiled.

    With 2,000 models to look through, it would stop everything for 0.2 s. What of them is replaced later is freed as
    ever, by counting references.
    """
    gc.freeze()
