"""
How the gateway hands out requests: to the ready pod with the fewest, up to a limit per pod.

Beyond the limits requests queue, as many as one pod may have, and what comes on top is answered with 503. While no pod
is ready, requests are held, and given up after a while. These are the rules of the product's own gateway with one
gateway replica.
"""

from collections import deque
from operator import attrgetter

from modelfleet.scaling.simulation.pod import Pod
from modelfleet.scaling.simulation.request import Sequence

MOST_HELD = 100_000
"""Requests held while no pod is ready."""
_fewest = attrgetter("replica.outstanding")


class Gateway:
    """The requests on their way to the pods."""

    __slots__ = ("hold_seconds", "in_flight", "last_held_at", "limit", "queue", "refused", "serving")

    def __init__(self, *, limit_per_pod: int, hold_seconds: float) -> None:
        self.limit = limit_per_pod
        self.hold_seconds = hold_seconds
        self.serving: list[Pod] = []
        self.queue: deque[Sequence] = deque()
        self.refused = 0
        """Requests answered with 503."""
        self.in_flight = 0
        """Requests that the fleet has, the queue included."""
        self.last_held_at: float | None = None

    def offer(self, sequence: Sequence, now: float) -> Pod | None:
        """Take a request, and return the pod it is for now."""
        if not self.queue and (pod := self._free_pod()):
            self.in_flight += 1
            return pod
        if not self.serving:
            self.last_held_at = now
        if len(self.queue) >= (self.limit if self.serving else MOST_HELD):
            self.refused += 1
        else:
            self.in_flight += 1
            self.queue.append(sequence)
        return None

    def next_from_queue(self, now: float) -> tuple[Pod, Sequence] | None:
        """Take the oldest request that waits, if a pod has room, and give up those that waited too long."""
        while self.queue and now - self.queue[0].request.arrival > self.hold_seconds:
            self.queue.popleft()
            self.refused += 1
            self.in_flight -= 1
        if self.queue and (pod := self._free_pod()):
            return pod, self.queue.popleft()
        return None

    @property
    def held(self) -> int:
        """Return how many requests wait because no pod is ready."""
        return 0 if self.serving else len(self.queue)

    def _free_pod(self) -> Pod | None:
        if not self.serving:
            return None
        pod = min(self.serving, key=_fewest)
        return pod if pod.replica.outstanding < self.limit else None
