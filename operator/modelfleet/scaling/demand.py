"""
How much work arrives, in replicas, and what a request is like.

What the pods do is what arrives while they keep up. Where they do not, what they do is all they can, and the rest
stands in their queues: the work that arrives is the work that is done plus the growth of the queues times the work of a
request. While queues drain, their growth is negative, and more is done than arrives.
"""

from dataclasses import dataclass

from modelfleet.scaling.engine_model import EngineModel
from modelfleet.scaling.traffic import FleetTraffic, PodTraffic

PROFILE_HALF_LIFE_SECONDS = 300.0
"""How fast the mean request of the past is forgotten."""
WINDOW_SECONDS = 60.0
"""Over how long the level is the mean; half of it sees bursts as trends, twice of it is late."""
SHORT_WINDOWS = (10.0, 20.0, 30.0)
"""Shorter means count as far as they are certain: a step is seen before the long mean has followed it."""
CERTAINTY = 3.0
"""How many standard errors below a short mean the level may still be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The mean request, from decaying sums; all 0 before the first."""

    requests: float = 0.0
    prompt_tokens: float = 0.0
    generation_tokens: float = 0.0
    work: float = 0.0

    def with_traffic(self, traffic: FleetTraffic, work_rate: float, seconds: float) -> "Profile":
        """Return it with what *seconds* brought."""
        keep = 0.5 ** (seconds / PROFILE_HALF_LIFE_SECONDS)
        return Profile(
            requests=self.requests * keep + traffic.request_rate * seconds,
            prompt_tokens=self.prompt_tokens * keep + traffic.prompt_rate * seconds,
            generation_tokens=self.generation_tokens * keep + traffic.generation_rate * seconds,
            work=self.work * keep + work_rate * seconds,
        )

    @property
    def prompt_tokens_each(self) -> float:
        """Return the prompt tokens that a request computes."""
        return self.prompt_tokens / self.requests if self.requests else 0.0

    @property
    def context_tokens(self) -> float:
        """Return the mean context of a request while it runs: its prompt and half of its answer."""
        return (self.prompt_tokens + 0.5 * self.generation_tokens) / self.requests if self.requests else 0.0

    @property
    def work_each(self) -> float:
        """Return the seconds of a whole replica that a request needs."""
        return self.work / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The work that arrived, and that was done, over the *seconds* before *at*, in replicas."""

    at: float
    seconds: float
    work: float
    done: float


def work_done(pod: PodTraffic, engine: EngineModel, profile: Profile) -> float:
    """Return the work that a pod did, in replicas."""
    context = profile.context_tokens
    if pod.kv_tokens is not None and pod.running > 0.0:
        context = pod.kv_tokens / pod.running
    return engine.work(
        prompt_rate=pod.prompt_tokens / pod.seconds,
        generation_rate=pod.generation_tokens / pod.seconds,
        context_tokens=context,
    )


def work_arrived(done: float, traffic: FleetTraffic, profile: Profile) -> float:
    """Return the work that arrived, in replicas, never below 0."""
    return max(done + profile.work_each * traffic.queue_growth_rate, 0.0)


def recent(samples: tuple[Sample, ...], now: float) -> tuple[Sample, ...]:
    """Return the samples that the level rests on."""
    return tuple(sample for sample in samples if sample.at > now - WINDOW_SECONDS)


def mean_over(samples: tuple[Sample, ...], since: float) -> float:
    """Return the mean work that arrived after *since*, 0 where nothing was seen."""
    seconds = work = 0.0
    for sample in samples:
        if sample.at > since:
            seconds += sample.seconds
            work += sample.seconds * sample.work
    return work / seconds if seconds else 0.0


def done_since(samples: tuple[Sample, ...], since: float) -> float:
    """Return the mean work that was done after *since*, 0 where nothing was seen."""
    seconds = sum(sample.seconds for sample in samples if sample.at > since)
    return sum(sample.seconds * sample.done for sample in samples if sample.at > since) / seconds if seconds else 0.0


def level(samples: tuple[Sample, ...], now: float, dispersion_seconds: float) -> float:
    """
    Return the work that arrives now, in replicas: the mean of a minute, or a shorter mean that is certain of more.

    The variance of a mean m over w seconds is m·D/w, D the *dispersion_seconds*: for independent requests the work of
    one of them, weighted by itself; more where they come in bursts.
    """
    best = mean_over(samples, now - WINDOW_SECONDS)
    for window in SHORT_WINDOWS:
        mean = mean_over(samples, now - window)
        best = max(best, mean - CERTAINTY * (mean * dispersion_seconds / window) ** 0.5)
    return best


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How unevenly work arrives: the decaying sum of squared differences of neighbouring samples, and of their mean."""

    squares: float = 0.0
    work: float = 0.0

    def with_samples(self, before: Sample, after: Sample) -> "Dispersion":
        """Return it with two neighbouring samples; their difference is noise, since trends are slow beside it."""
        keep = 0.5 ** (after.seconds / PROFILE_HALF_LIFE_SECONDS)
        difference = after.work - before.work
        return Dispersion(
            self.squares * keep + 0.5 * difference * difference * after.seconds * after.seconds,
            self.work * keep + 0.5 * (after.work + before.work) * after.seconds,
        )

    @property
    def seconds(self) -> float:
        """Return D of `level`; 0 before anything was seen."""
        return self.squares / self.work if self.work > 0.0 else 0.0
