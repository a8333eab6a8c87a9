"""A fleet under a load with a scaler, from the first request to the last."""

from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import partial

from modelfleet.scaling.decision import Decision
from modelfleet.scaling.observation import HeldRequests, Observation
from modelfleet.scaling.simulation.faults import Faults, inject
from modelfleet.scaling.simulation.fleet import Fleet, FleetModel
from modelfleet.scaling.simulation.metrics_page import metrics_page
from modelfleet.scaling.simulation.pod import Pod
from modelfleet.scaling.simulation.request import Request, Sequence
from modelfleet.scaling.simulation.scaler import Scaler, Seen

EPOCH = 1_800_000_000.0
"""Unix time at which every load begins: 15 January 2027, 08:00 UTC."""
SCRAPE_SECONDS = 5.0
DECIDE_AFTER_SECONDS = 1.0
"""From the beginning of a round of scrapes to the decision on it."""
TAIL_SECONDS = 900.0
"""How long requests may go on after the last arrival; nothing is billed then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The fleet at one decision."""

    at: float
    wanted: int
    serving: int
    loading: int
    draining: int
    running: int
    waiting: int
    """In the engines and in the gateway."""
    kv_usage: float
    """Mean over pods that serve."""
    decision: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened."""

    model: FleetModel
    duration_seconds: float
    sequences: tuple[Sequence, ...]
    pods: tuple[Pod, ...]
    samples: tuple[Sample, ...]


def simulate(
    model: FleetModel,
    requests: SequenceOf[Request],
    scaler: Scaler,
    *,
    duration_seconds: float | None = None,
    faults: Faults | None = None,
    can_hold: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Run:
    """
    Return what happens to *requests*, which are in the order of their arrival.

    The same arguments give the same run. *can_hold* is for fleets that may sleep: requests wait for the first pod.
    *on_progress* is called with the simulated seconds, about a hundred times.
    """
    duration = duration_seconds if duration_seconds is not None else (requests[-1].arrival if requests else 0.0)
    fleet = Fleet(model)
    faults = faults or Faults()
    inject(faults, fleet)
    loop = _Loop(fleet, scaler, faults, can_hold=can_hold)
    loop.start()
    sequences = tuple(map(Sequence, requests))
    report_at, report_every = 0.0, duration / 100
    for sequence in sequences:
        if on_progress and sequence.request.arrival >= report_at:
            on_progress(sequence.request.arrival)
            report_at = sequence.request.arrival + report_every
        fleet.run_until(sequence.request.arrival)
        fleet.arrive(sequence)
    fleet.run_until(duration)
    pods = (*fleet.gone, *fleet.alive)
    samples = tuple(loop.samples)
    _finish(fleet, duration)
    return Run(model=model, duration_seconds=duration, sequences=sequences, pods=pods, samples=samples)


def _finish(fleet: Fleet, duration: float) -> None:
    until = duration
    while fleet.gateway.in_flight and until < duration + TAIL_SECONDS:
        until += SCRAPE_SECONDS
        fleet.run_until(until)


class _Loop:
    """Reads the pods' pages, asks the scaler, and resizes the fleet; round after round."""

    def __init__(self, fleet: Fleet, scaler: Scaler, faults: Faults, *, can_hold: bool) -> None:
        self.fleet = fleet
        self.scaler = scaler
        self.faults = faults
        self.can_hold = can_hold
        self.wanted = fleet.model.first_size
        self.samples: list[Sample] = []

    def start(self) -> None:
        """Begin with the first round."""
        self.fleet.at(0.0, self._round)
        self.fleet.at(DECIDE_AFTER_SECONDS, self._decide)

    def _round(self, now: float) -> None:
        for pod in self.fleet.alive:
            if pod.ready_at is not None:
                self.fleet.at(now + pod.phase_seconds, partial(self._scrape, pod))
        self.fleet.at(now + SCRAPE_SECONDS, self._round)
        self.fleet.release()

    def _scrape(self, pod: Pod, now: float) -> None:
        if pod.ready_at is None or pod.gone_at is not None:
            return
        if self.faults.metrics_are_gone(now):
            pod.scrape_error = "connection refused"
            return
        pod.scrape_error = None
        pod.counters = metrics_page(pod.replica, now=pod.replica.begun if pod.hung else now, epoch=EPOCH)

    def _decide(self, now: float) -> None:
        observation = self._observation(now)
        seen = Seen(observation=observation, requests_in_flight=self.fleet.gateway.in_flight)
        verdict = self.scaler.size(seen, EPOCH + now)
        self.wanted = verdict.replicas
        self.samples.append(self._sample(now, verdict.decision))
        self.fleet.resize(verdict.replicas)
        self.fleet.at(now + self.scaler.interval_seconds, self._decide)

    def _observation(self, now: float) -> Observation:
        gateway = self.fleet.gateway
        last = None if gateway.last_held_at is None else EPOCH + gateway.last_held_at
        return Observation(
            at=EPOCH + now,
            pods=tuple(pod.observed(EPOCH) for pod in self.fleet.alive),
            replicas=self.wanted,
            held=HeldRequests(requests=gateway.held, last_at=last) if self.can_hold else None,
        )

    def _sample(self, now: float, decision: Decision | None) -> Sample:
        alive, serving = self.fleet.alive, self.fleet.gateway.serving
        usage = [pod.replica.kv.used(pod.replica.tick) / pod.replica.kv.blocks for pod in serving]
        return Sample(
            at=now,
            wanted=self.wanted,
            serving=len(serving),
            loading=sum(pod.is_loading for pod in alive),
            draining=sum(pod.is_draining for pod in alive),
            running=sum(len(pod.replica.running) for pod in alive),
            waiting=sum(len(pod.replica.waiting) for pod in alive) + len(self.fleet.gateway.queue),
            kv_usage=sum(usage) / len(usage) if usage else 0.0,
            decision=decision,
        )
