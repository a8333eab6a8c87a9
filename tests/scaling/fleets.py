"""A fleet for tests: pods whose counters follow the model of a step, without single requests: an hour takes seconds."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from modelfleet.scaling import (
    Counters,
    Decision,
    HeldRequests,
    History,
    NotReady,
    Observation,
    PodObservation,
    ScalingPolicy,
    Slo,
    decide,
)

BEGIN = 1_800_000_000.0
PROMPT, OUTPUT = 1000.0, 250.0
STEP, CONTEXT, TOKEN = 0.012, 0.06e-6, 60e-6
WORK = (PROMPT + OUTPUT) * TOKEN + OUTPUT * (PROMPT + OUTPUT / 2) * CONTEXT
"""Seconds of a replica that one request needs."""
SLO = Slo(time_to_first_token_seconds=1.0, inter_token_seconds=0.066)


def policy(**changes: object) -> ScalingPolicy:
    """Return a policy from 1 to 20 replicas with an objective, and *changes*."""
    return replace(ScalingPolicy(max_replicas=20, slo=SLO), **changes)  # type: ignore[arg-type] # fields by name


def page(at: float, **changes: float) -> Counters:
    """Return a page of an idle engine that has all series, and *changes*."""
    return replace(
        Counters(
            at=at,
            running=0.0,
            waiting=0.0,
            kv_usage=0.0,
            kv_capacity_tokens=400_000.0,
            prompt_tokens=0.0,
            cached_prompt_tokens=0.0,
            generation_tokens=0.0,
            finished_requests=0.0,
            preemptions=0.0,
            inter_token_latency_seconds_sum=0.0,
            inter_token_latency_count=0.0,
            iteration_tokens_sum=0.0,
            iteration_tokens_count=0.0,
            time_to_first_token_seconds_sum=0.0,
            time_to_first_token_count=0.0,
        ),
        **changes,  # type: ignore[arg-type] # no change is of the buckets
    )


@dataclass
class Pod:
    """A pod, as it is."""

    name: str
    created: float
    ready_from: float
    page: Counters
    not_ready: NotReady | None = None
    draining: bool = False
    queue: float = 0.0

    def is_ready(self, now: float) -> bool:
        """Return whether it serves or could."""
        return self.not_ready is None and now >= self.ready_from

    def observed(self, now: float) -> PodObservation:
        """Return it as it is seen."""
        ready = self.is_ready(now)
        return PodObservation(
            name=self.name,
            created=self.created,
            ready_at=self.ready_from if ready else None,
            not_ready=None if ready else self.not_ready or NotReady.LOADING,
            draining=self.draining,
            counters=self.page if ready else None,
        )


@dataclass
class Fleet:
    """Pods that share what arrives, and a scaler that is asked every five seconds."""

    policy: ScalingPolicy = field(default_factory=policy)
    size: int = 1
    cold_start: float = 90.0
    noise: float = 0.0
    """Standard deviation over mean of the arrivals of one interval."""
    see: Callable[[Observation], Observation] = lambda seen: seen
    """What becomes of an observation before the scaler has it."""
    new_pod_state: NotReady | None = None
    """What keeps new pods from being ready."""
    held: HeldRequests | None = None
    history: History = field(default_factory=History)
    now: float = BEGIN
    pods: list[Pod] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    made: int = 0

    def __post_init__(self) -> None:
        for _ in range(self.size):
            self._create(ready_from=self.now)

    def run(self, seconds: float, load: float) -> "Fleet":
        """Let *seconds* pass with *load* replicas of work, and return this fleet."""
        for _ in range(int(seconds / self.policy.interval_seconds)):
            self._tick(load)
        return self

    @property
    def last(self) -> Decision:
        """Return the last decision."""
        return self.decisions[-1]

    @property
    def serving(self) -> int:
        """Return how many pods are ready."""
        return sum(pod.is_ready(self.now) for pod in self.pods)

    def observed(self) -> Observation:
        """Return what is seen now."""
        pods = tuple(pod.observed(self.now) for pod in self.pods)
        return Observation(at=self.now, pods=pods, replicas=self.size, held=self.held)

    def reversals(self) -> int:
        """Return how often the size turned from up to down or back."""
        moves = [b - a for a, b in pairwise(self.sizes) if a != b]
        return sum((a > 0) != (b > 0) for a, b in pairwise(moves))

    def _tick(self, load: float) -> None:
        self.now += self.policy.interval_seconds
        serving = [pod for pod in self.pods if pod.is_ready(self.now)]
        load *= max(0.0, self.chance.gauss(1.0, self.noise)) if self.noise else 1.0
        for pod in serving:
            pod.page, pod.queue = worked(pod.page, load / len(serving), self.policy.interval_seconds, pod.queue)
        decision, self.history = decide(self.policy, self.see(self.observed()), self.history, self.now)
        self.decisions.append(decision)
        self.sizes.append(decision.replicas)
        self._resize(decision.replicas)

    def _resize(self, size: int) -> None:
        self.size = size
        while len(self.pods) < size:
            self._create(ready_from=self.now + self.cold_start)
        self.pods.sort(key=lambda pod: (not pod.is_ready(self.now), pod.created))
        del self.pods[size:]

    def _create(self, *, ready_from: float) -> None:
        self.made += 1
        state = self.new_pod_state if ready_from > self.now else None
        created = ready_from - self.cold_start
        self.pods.append(Pod(f"pod-{self.made:03d}", created, ready_from, page(ready_from), state))


def worked(before: Counters, load: float, seconds: float, queue: float) -> tuple[Counters, float]:
    """Return the page after *seconds* of *load* replicas of work on one pod, and the requests in its queue."""
    arrived = load / WORK * seconds + queue
    done = min(arrived, 0.97 / WORK * seconds)
    share = done * WORK / seconds
    step = STEP / (1.0 - min(share, 0.97))
    running = done * OUTPUT / seconds * step
    tokens, steps = done * (PROMPT + OUTPUT), seconds / step if done else 0.0
    kv_tokens = running * (PROMPT + OUTPUT / 2)

    def total(name: str, growth: float) -> float:
        return (getattr(before, name) or 0.0) + growth

    late = (arrived - done) * WORK
    after = replace(
        before,
        at=before.at + seconds,
        running=running,
        waiting=arrived - done,
        kv_usage=min(1.0, kv_tokens / 400_000.0),
        prompt_tokens=total("prompt_tokens", done * PROMPT),
        generation_tokens=total("generation_tokens", done * OUTPUT),
        finished_requests=total("finished_requests", done),
        inter_token_latency_seconds_sum=total("inter_token_latency_seconds_sum", done * OUTPUT * step),
        inter_token_latency_count=total("inter_token_latency_count", done * OUTPUT),
        iteration_tokens_sum=total("iteration_tokens_sum", tokens),
        iteration_tokens_count=total("iteration_tokens_count", steps),
        time_to_first_token_seconds_sum=total("time_to_first_token_seconds_sum", done * (0.1 + late)),
        time_to_first_token_count=total("time_to_first_token_count", done),
    )
    return after, arrived - done
