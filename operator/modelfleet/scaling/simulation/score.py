"""
How good a run was.

A request is good when its first token came within the SLO and its tokens did too, on average. The score is
`J = GPU-hours / GPU-hours of a clairvoyant schedule + 0.1 for each per cent of misses beyond the allowed share`:
1.00 is perfect foresight.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from modelfleet.scaling.policy import Slo
from modelfleet.scaling.simulation.request import Sequence
from modelfleet.scaling.simulation.run import Run

ALLOWED_MISSES = 0.01
ALLOWED_MISSES_BURSTY = 0.05
"""Shares of requests; in bursts no scaler that only reacts can do better."""
_PENALTY = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The figures of one run."""

    requests: int
    attainment: float
    """Share of requests that were good."""
    gpu_hours: float
    cost_cents: float
    scale_events: int
    """How often another size was wanted."""
    reversals: int
    """How often the size went up after it had gone down, or the other way round."""
    largest: int
    """The most pods there were at once."""

    def against(self, gpu_hours: float, *, allowed_misses: float) -> float:
        """Return J against a clairvoyant schedule of *gpu_hours*."""
        return self.gpu_hours / gpu_hours + _PENALTY * max(0.0, 1 - self.attainment - allowed_misses)


def is_good(sequence: Sequence, slo: Slo) -> bool:
    """Return whether a request met *slo*."""
    return (
        sequence.time_to_first_token <= slo.time_to_first_token_seconds
        and sequence.time_per_output_token <= slo.inter_token_seconds
    )


def score(run: Run, slo: Slo) -> Score:
    """Return the figures of *run*; pods are billed from the moment they have a node until they are gone."""
    hours = sum(_billed_seconds(run)) / 3600 * run.model.profile.gpus
    sizes = [run.model.first_size, *(sample.wanted for sample in run.samples)]
    moves = [after - before for before, after in pairwise(sizes) if after != before]
    return Score(
        requests=len(run.sequences),
        attainment=_share(is_good(one, slo) for one in run.sequences),
        gpu_hours=hours,
        cost_cents=hours * run.model.hourly_cents_per_gpu,
        scale_events=len(moves),
        reversals=sum((before > 0) != (after > 0) for before, after in pairwise(moves)),
        largest=max((s.serving + s.loading + s.draining for s in run.samples), default=run.model.first_size),
    )


def _billed_seconds(run: Run) -> Iterable[float]:
    for pod in run.pods:
        if pod.scheduled_at is not None:
            end = run.duration_seconds if pod.gone_at is None else min(pod.gone_at, run.duration_seconds)
            yield max(0.0, end - pod.scheduled_at)


def _share(verdicts: Iterable[bool]) -> float:
    counted = [*verdicts]
    return sum(counted) / len(counted) if counted else 1.0
