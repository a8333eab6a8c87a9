"""
The smallest size that a schedule asks for.

A window asks from one cold start before it begins, so that its pods are ready when it does, until it ends. Where
windows overlap the largest of them counts.
"""

from collections.abc import Iterable

from modelfleet.scaling.policy import ScheduleWindow


def scheduled(windows: Iterable[ScheduleWindow], *, now: float, horizon: float) -> ScheduleWindow | None:
    """Return the window that asks for the most at *now*, None where none does; pods take *horizon* seconds to come."""
    asking = [window for window in windows if window.begins_at - horizon <= now < window.ends_at]
    return max(asking, key=lambda window: (window.min_replicas, window.ends_at), default=None)
