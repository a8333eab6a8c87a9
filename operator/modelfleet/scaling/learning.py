"""What a decision leaves for the next one: everything learned from the observation it was made on."""

from dataclasses import replace

from modelfleet.scaling import sleep
from modelfleet.scaling.cold_start import ColdStarts
from modelfleet.scaling.demand import WINDOW_SECONDS, done_since
from modelfleet.scaling.engine_model import EngineSums
from modelfleet.scaling.facts import CAME_SECONDS, Facts, PodReport
from modelfleet.scaling.health import PodMemory, is_valid, remembered
from modelfleet.scaling.history import History
from modelfleet.scaling.misses import Misses
from modelfleet.scaling.observation import PodObservation
from modelfleet.scaling.rates import Need, with_need, with_size

FEWEST_RUNNING = 2.0
"""With fewer requests at once an interval says more about one request than about the engine."""


def learned(facts: Facts, *, needed: int, decided: int) -> History:
    """Return the history after a decision for *decided* replicas, of which *needed* were needed."""
    history, now = facts.history, facts.now
    elapsed = max(now - history.decided_at, 0.0)
    after = replace(
        history,
        decided_at=now,
        observed_seconds=history.observed_seconds + elapsed,
        pods=_pods(facts),
        blind_since=_blind_since(facts),
        engine=_engine(facts),
        cold_starts=_cold_starts(facts),
        reading=facts.reading_now if not facts.health.is_blind else None,
        needs=with_need(history.needs, Need(now, needed), seconds=facts.policy.scale_down_stabilization_seconds),
        sizes=with_size(history.sizes, Need(now, decided)),
        quiet=sleep.quiet_at(
            history.quiet,
            tuple(sorted(facts.observation.pods, key=lambda pod: pod.name)),
            facts.memories,
            now=now,
            held=facts.observation.held,
            start_up_seconds=facts.policy.start_up_seconds,
        ),
    )
    return _with_work(after, facts) if facts.work.seconds > 0.0 else after


def _with_work(history: History, facts: Facts) -> History:
    """Return *history* with the work of this observation."""
    work = facts.work
    done = sum(report.work for report in facts.reports)
    samples = work.samples
    dispersion, forecast = history.dispersion, history.forecast
    if len(samples) > 1:
        dispersion = dispersion.with_samples(samples[-2], samples[-1])
    if facts.now - (history.begun_at or 0.0) >= WINDOW_SECONDS:
        forecast = forecast.with_tick(
            now=facts.now, seconds=work.seconds, level=work.level, came=work.came, horizon=facts.horizon
        )
    return replace(
        history,
        largest_work=max(history.largest_work, work.came),
        profile=history.profile.with_traffic(work.traffic, done, work.seconds),
        samples=samples,
        dispersion=dispersion,
        forecast=forecast,
        misses=_misses(history.misses, facts),
    )


def _misses(misses: Misses, facts: Facts) -> Misses:
    slo, traffic = facts.policy.slo, facts.work.traffic
    if slo is None or traffic.first_tokens <= 0.0:
        return misses
    missed = sum(_missed(report, slo.inter_token_seconds) for report in facts.reports)
    # While a queue drains little comes and much is done: its misses are those of a fleet that is full.
    work = max(facts.work.came, done_since(facts.work.samples, facts.now - CAME_SECONDS))
    return misses.with_requests(utilization=work / len(facts.pods.ready), requests=traffic.first_tokens, missed=missed)


def _missed(report: PodReport, inter_token_seconds: float) -> float:
    """Return how many of a pod's requests missed: the late ones, or all where its tokens came too slowly."""
    if report.traffic is None:
        return 0.0
    is_slow = report.traffic.step_seconds is not None and report.traffic.step_seconds > inter_token_seconds
    return report.traffic.first_tokens if is_slow else report.traffic.late


def _engine(facts: Facts) -> EngineSums:
    engine = facts.history.engine
    for report in facts.reports:
        traffic = report.traffic
        if traffic is None or traffic.running < FEWEST_RUNNING:
            continue
        if traffic.step_seconds is None or traffic.step_tokens is None:
            continue
        context = traffic.kv_tokens
        if context is None:
            context = traffic.running * facts.history.profile.context_tokens
        engine = engine.with_interval(seconds=traffic.step_seconds, context_tokens=context, tokens=traffic.step_tokens)
    return engine


def _cold_starts(facts: Facts) -> ColdStarts:
    """Return the cold starts with those of pods that became ready while we looked."""
    starts = facts.history.cold_starts
    for pod in facts.pods.ready:
        memory = facts.memories.get(pod.name)
        if memory is not None and not memory.was_ready and pod.ready_at is not None:
            starts = starts.with_start(max(pod.ready_at - pod.created, 0.0))
    return starts


def _pods(facts: Facts) -> tuple[PodMemory, ...]:
    reports = {report.pod.name: report for report in facts.reports}
    return tuple(
        _memory(pod, facts.memories.get(pod.name), reports.get(pod.name))
        for pod in sorted(facts.observation.pods, key=lambda pod: pod.name)
        if not pod.terminating
    )


def _memory(pod: PodObservation, memory: PodMemory | None, report: PodReport | None) -> PodMemory:
    if report is None:
        # It is not in traffic: what it did is no demand, and its page is a new beginning should it come back.
        page = pod.counters if pod.counters is not None and is_valid(pod.counters) else None
        return PodMemory(name=pod.name, page=page, was_ready=pod.ready_at is not None or _was_ready(memory))
    return remembered(pod, memory, report.problem, report.work)


def _was_ready(memory: PodMemory | None) -> bool:
    return memory is not None and memory.was_ready


def _blind_since(facts: Facts) -> float | None:
    if not facts.health.is_blind:
        return None
    return facts.history.blind_since if facts.history.blind_since is not None else facts.now
