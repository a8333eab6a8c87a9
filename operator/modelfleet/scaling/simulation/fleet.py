"""The fleet's pods over time: created, loading, serving, draining, crashing, gone."""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from modelfleet.scaling.simulation.gateway import Gateway
from modelfleet.scaling.simulation.pod import Pod
from modelfleet.scaling.simulation.profile import EngineProfile
from modelfleet.scaling.simulation.replica import NEVER, Replica
from modelfleet.scaling.simulation.request import Sequence
from modelfleet.scaling.simulation.resizing import resizing

Action = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdStart:
    """From the moment a pod has a node until it is Ready: log-normal."""

    mean_seconds: float = 120.0
    variation: float = 0.25
    """Standard deviation over mean; 0.15 to 0.35 were seen."""

    def draw(self, chance: random.Random) -> float:
        """Return the seconds of one pod."""
        if not self.variation:
            return self.mean_seconds
        sigma = math.sqrt(math.log1p(self.variation**2))
        return chance.lognormvariate(math.log(self.mean_seconds) - sigma * sigma / 2, sigma)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetModel:
    """What the fleet is made of, without the scaler."""

    profile: EngineProfile
    cold_start: ColdStart = ColdStart()
    max_replicas: int = 50
    first_size: int = 1
    """Pods that are Ready when the load begins."""
    queue_depth_per_replica: int = 4
    hold_seconds: float = 300.0
    release_seconds: float = 12.0
    """From the end of a draining pod's last request to its end: two reads of its counters, and the delete."""
    hourly_cents_per_gpu: int = 400
    seed: int = 0


class Fleet:
    """Pods, the gateway in front of them, and the events that are to come."""

    def __init__(self, model: FleetModel) -> None:
        self.model = model
        self.gateway = Gateway(
            limit_per_pod=model.profile.sequences + model.queue_depth_per_replica, hold_seconds=model.hold_seconds
        )
        self.alive: list[Pod] = []
        self.gone: list[Pod] = []
        self.now = 0.0
        self.room = math.inf
        """Pods that the nodes have room for."""
        self._chance = random.Random(f"{model.seed}/pods")
        self._events: list[tuple[float, int, Pod | None, Action | None]] = []
        self._order = 0
        self._named = 0
        for _ in range(model.first_size):
            self._become_ready(self._create(0.0), 0, 0.0)

    def at(self, when: float, action: Action) -> None:
        """Call *action* when it is *when*."""
        self._push(when, None, action)

    def run_until(self, until: float) -> None:
        """Let everything happen that is due by *until*."""
        events = self._events
        while events and events[0][0] <= until:
            now, _, pod, action = heapq.heappop(events)
            self.now = now
            if action is not None:
                action(now)
            elif pod is not None and pod.replica.due == now and not pod.hung:
                self._advance(pod, now)
        self.now = until

    def arrive(self, sequence: Sequence) -> None:
        """Give the gateway a request that arrives now."""
        if pod := self.gateway.offer(sequence, self.now):
            self._submit(pod, sequence, self.now)

    def resize(self, size: int) -> None:
        """Begin to have *size* pods that serve or will."""
        todo = resizing(self.alive, size=size, most=self.model.max_replicas)
        for pod in todo.undrain:
            pod.draining_since = pod.idle_since = None
            if pod.ready_at is not None:
                self.gateway.serving.append(pod)
        for _ in range(todo.create):
            self._create(self.now)
        for pod in todo.delete:
            self._end(pod)
        for pod in todo.drain:
            self._drain(pod)
        self._schedule()
        self._serve_queue()

    def release(self) -> None:
        """End the draining pods that have been idle for long enough."""
        for pod in [*self.alive]:
            if pod.idle_since is not None and self.now - pod.idle_since >= self.model.release_seconds:
                self._end(pod)
        self._schedule()
        self._serve_queue()

    def crash(self, pod: Pod) -> None:
        """Let the engine of *pod* end with all its requests; its container starts again."""
        self.gateway.in_flight -= pod.replica.outstanding
        self._leave(pod)
        pod.replica = Replica(self.model.profile)
        pod.ready_at = pod.counters = None
        pod.restarts += 1
        self._load(pod)

    def _create(self, now: float) -> Pod:
        self._named += 1
        pod = Pod(
            name=f"pod-{self._named}",
            created=now,
            replica=Replica(self.model.profile),
            start_up_seconds=self.model.cold_start.draw(self._chance),
            phase_seconds=self._chance.uniform(0.0, 0.5),
        )
        self.alive.append(pod)
        return pod

    def _schedule(self) -> None:
        """Give pods without a node one, while there is room."""
        used = sum(pod.scheduled_at is not None for pod in self.alive)
        for pod in self.alive:
            if pod.scheduled_at is None and used < self.room:
                used += 1
                pod.scheduled_at = self.now
                self._load(pod)

    def _load(self, pod: Pod) -> None:
        self.at(self.now + pod.start_up_seconds, partial(self._become_ready, pod, pod.restarts))

    def _become_ready(self, pod: Pod, restarts: int, now: float) -> None:
        if pod.gone_at is not None or pod.restarts != restarts:
            return
        pod.scheduled_at = now if pod.scheduled_at is None else pod.scheduled_at
        pod.ready_at = now
        self.gateway.serving.append(pod)
        self._serve_queue()

    def _drain(self, pod: Pod) -> None:
        self._leave(pod)
        pod.draining_since = self.now
        if not pod.replica.outstanding:
            pod.idle_since = self.now

    def _leave(self, pod: Pod) -> None:
        if pod in self.gateway.serving:
            self.gateway.serving.remove(pod)

    def _end(self, pod: Pod) -> None:
        self._leave(pod)
        pod.gone_at = self.now
        self.alive.remove(pod)
        self.gone.append(pod)

    def _submit(self, pod: Pod, sequence: Sequence, now: float) -> None:
        replica = pod.replica
        before = replica.due
        replica.submit(sequence, now)
        if replica.due != before:
            self._push(replica.due, pod, None)

    def _advance(self, pod: Pod, now: float) -> None:
        replica = pod.replica
        finished = replica.advance()
        if replica.due != NEVER:
            self._push(replica.due, pod, None)
        if finished:
            self.gateway.in_flight -= len(finished)
            if self.gateway.queue:
                self._serve_queue()
            if pod.draining_since is not None and not replica.outstanding:
                pod.idle_since = now

    def _serve_queue(self) -> None:
        while found := self.gateway.next_from_queue(self.now):
            self._submit(*found, self.now)

    def _push(self, when: float, pod: Pod | None, action: Action | None) -> None:
        self._order += 1
        heapq.heappush(self._events, (when, self._order, pod, action))
