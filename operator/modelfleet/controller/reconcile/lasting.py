"""Failures that last: one that passes by itself is no news, one that stays is a person's business."""

from collections.abc import Callable
from datetime import datetime, timedelta

from modelfleet.controller.cluster.errors import ClusterError
from modelfleet.controller.watched import Key

LASTING = timedelta(seconds=30)
"""A webhook's Deployment is replaced, and an API server is restarted, in less."""


class LastingFailures:
    """Knows since when the writes of each object fail."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._since: dict[Key, datetime] = {}

    def lasts(self, key: Key, error: ClusterError) -> bool:
        """
        Take note that *error* met the writes of *key*, and return whether they have failed for long.

        Only answers count, such as 500 for a webhook that is down: without any, a status could not be written either.
        """
        if not error.status:
            return False
        return self._clock() - self._since.setdefault(key, self._clock()) >= LASTING

    def end(self, key: Key) -> None:
        """Take note that nothing fails."""
        self._since.pop(key, None)
