"""Everything the rules of one decision may look at, computed once from the observation and the history."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from modelfleet.scaling import demand, guards
from modelfleet.scaling.engine_model import EngineModel
from modelfleet.scaling.guards import Reading
from modelfleet.scaling.health import Health, PodMemory, SignalProblem, health_of, problem_of
from modelfleet.scaling.history import History
from modelfleet.scaling.misses import Curve, Replica, expected_share
from modelfleet.scaling.observation import Counters, Observation, PodObservation
from modelfleet.scaling.pods import PodSets, sorted_out
from modelfleet.scaling.policy import ScalingPolicy
from modelfleet.scaling.sizing import Outcomes
from modelfleet.scaling.traffic import FleetTraffic, PodTraffic, between, total

CAME_SECONDS = 20.0
"""Over how long work counts as having come at a moment: shorter peaks are smoothed by the queue within an objective."""
CAP = 1.05
"""Demand beyond what is expected is at most so many times the largest ever seen: errors buy no fleet."""
CAP_AFTER_SECONDS = 600.0
"""Before that much was observed the largest seen says nothing."""
ALLOWANCE = 1.6
"""
A size may miss so many times the share that the objective allows.

A fleet has the largest size of two minutes and whole replicas, so that on average it misses a fraction of what its size
would allow: simulated fleets under smooth loads missed well below 1 % when sized for 5 %, and 1 % when sized for 8 %.
"""
KV_SHARE = 0.95
"""How full a KV cache is when requests begin to be put back."""


class PodReport(NamedTuple):
    """A ready pod and what became of its page."""

    pod: PodObservation
    page: Counters | None
    """The page, where it can be believed."""
    problem: SignalProblem | None
    traffic: PodTraffic | None
    """None where there is no new page, or none before."""
    work: float
    """The work it does, in replicas; the last that was known, where nothing new is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the traffic asks for, in replicas."""

    traffic: FleetTraffic
    seconds: float
    """Which time the traffic covers; 0 where there is nothing new."""
    samples: tuple[demand.Sample, ...]
    level: float
    came: float
    """The mean of the last `CAME_SECONDS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a size rests on where there is an objective."""

    replica: Replica
    outcomes: Outcomes
    curve: Curve
    allowed_share: float
    unloaded_share: float
    """The share that misses on an idle replica: above *allowed_share* no size meets the objective."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One moment of one fleet."""

    policy: ScalingPolicy
    observation: Observation
    history: History
    now: float
    pods: PodSets
    memories: dict[str, PodMemory]
    reports: tuple[PodReport, ...]
    health: Health
    engine: EngineModel
    horizon: float
    """One cold start and two intervals, in seconds: when a pod that is ordered now is ready and seen."""
    work: Work
    model: Model | None
    reading: Reading
    """Queue and KV cache as two readings agree on them."""
    reading_now: Reading


def facts_of(policy: ScalingPolicy, observation: Observation, history: History, now: float) -> Facts:
    """Return what the rules look at; *history* is that of this moment (`History.at`)."""
    pods = sorted_out(observation, now=now, start_up_seconds=policy.start_up_seconds)
    memories = {memory.name: memory for memory in history.pods}
    engine = history.engine.model()
    reports = tuple(
        _report(pod, memories.get(pod.name), policy=policy, engine=engine, profile=history.profile, now=now)
        for pod in pods.ready
    )
    problems = {report.pod.name: report.problem for report in reports if report.problem is not None}
    # A pod that still loads has taken longer already: the first cold starts of a large model are known before they end.
    slowest = max((now - pod.created for pod in pods.loading), default=0.0)
    horizon = max(history.cold_starts.expected_seconds(), slowest) + 2.0 * policy.interval_seconds
    work = _work(reports, history, now)
    replica = Replica(
        engine=engine,
        prompt_tokens=history.profile.prompt_tokens_each,
        ceiling=_ceiling(policy, engine, history, reports),
    )
    reading_now = guards.reading_of(report.page for report in reports if report.page is not None)
    return Facts(
        policy=policy,
        observation=observation,
        history=history,
        now=now,
        pods=pods,
        memories=memories,
        reports=reports,
        health=health_of(pods.ready, problems),
        engine=engine,
        horizon=horizon,
        work=work,
        model=_model(policy, replica, history, work, now),
        reading=reading_now if history.reading is None else guards.lower(reading_now, history.reading),
        reading_now=reading_now,
    )


def _report(
    pod: PodObservation,
    memory: PodMemory | None,
    *,
    policy: ScalingPolicy,
    engine: EngineModel,
    profile: demand.Profile,
    now: float,
) -> PodReport:
    problem = problem_of(pod, memory, now=now, interval=policy.interval_seconds)
    known = memory.work if memory else 0.0
    if problem is not None or pod.counters is None:
        return PodReport(pod, None, problem, None, known)
    before = memory.page if memory else None
    late_after = policy.slo.time_to_first_token_seconds if policy.slo else None
    traffic = between(before, pod.counters, late_after_seconds=late_after) if before else None
    if traffic is None:
        return PodReport(pod, pod.counters, None, None, known)
    return PodReport(pod, pod.counters, None, traffic, demand.work_done(traffic, engine, profile))


def _work(reports: tuple[PodReport, ...], history: History, now: float) -> Work:
    news = [report.traffic for report in reports if report.traffic is not None]
    traffic = total(news)
    samples = demand.recent(history.samples, now)
    seconds = 0.0
    if news:
        done = sum(report.work for report in reports)
        seconds = max(pod.seconds for pod in news)
        arrived = demand.work_arrived(done, traffic, history.profile)
        samples = (*samples, demand.Sample(now, seconds, arrived, done))
    return Work(
        traffic=traffic,
        seconds=seconds,
        samples=samples,
        level=demand.level(samples, now, history.dispersion.seconds),
        came=demand.mean_over(samples, now - CAME_SECONDS),
    )


def _cap(history: History, work: Work, now: float) -> float:
    """Return what errors of the forecast are cut off at, in replicas of work."""
    if history.observed_seconds < CAP_AFTER_SECONDS:
        return math.inf
    forecast = history.forecast
    return max(CAP * history.largest_work, work.level, forecast.expected(forecast.basis(now, work.level)))


def _model(policy: ScalingPolicy, replica: Replica, history: History, work: Work, now: float) -> Model | None:
    slo = policy.slo
    if slo is None:
        return None
    return Model(
        replica=replica,
        outcomes=history.forecast.distribution(now, work.level, at_most=_cap(history, work, now)),
        curve=history.misses.curve(replica, slo),
        allowed_share=ALLOWANCE * (1.0 - slo.percentile / 100.0),
        unloaded_share=expected_share(0.0, replica, slo),
    )


def _ceiling(policy: ScalingPolicy, engine: EngineModel, history: History, reports: tuple[PodReport, ...]) -> float:
    """
    Return the share of its compute that a replica can use before requests at once, or KV cache, bind.

    At a share u it generates u·y tokens a second (y: tokens for each unit of work), so u·y·a/(1-u) requests run: with
    at most L of them u is L / (L + y·a).
    """
    profile = history.profile
    if profile.work <= 0.0 or profile.generation_tokens <= 0.0:
        return 1.0
    running = float(policy.running_per_replica)
    capacities = [page.kv_capacity_tokens for report in reports if (page := report.page) and page.kv_capacity_tokens]
    if capacities and profile.context_tokens > 0.0:
        running = min(running, KV_SHARE * min(capacities) / profile.context_tokens)
    return running / (running + profile.generation_tokens / profile.work * engine.step_seconds)
