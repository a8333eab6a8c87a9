"""The two clocks: one to measure with, one to write down."""

import datetime as dt
import time

CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux's monotonic clock stands still while the machine is suspended; a lease goes on expiring."""


def since_boot() -> float:
    """Return seconds on a clock that no adjustment moves and that goes on while the machine is suspended."""
    return time.clock_gettime(CLOCK)


def time_of_day() -> dt.datetime:
    """Return the time as people read it, in UTC."""
    return dt.datetime.now(dt.UTC)


def micro_time(moment: dt.datetime) -> str:
    """Return *moment*, which is in UTC, as Kubernetes' `MicroTime`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
