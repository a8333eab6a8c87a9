"""
The lower bound: a schedule that knows every request, and pays the cold start like everybody.

For every ten seconds it knows the work that comes, in replicas that are busy with nothing else. Level k of the fleet is
needed where the work needs at least k replicas at a chosen utilization. A level's pod is ordered one cold start before
it is needed and goes when it is not, except over gaps that are shorter than what a new cold start costs. Of
utilizations and smoothings the cheapest with no more misses than allowed is taken, found by simulating.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from modelfleet.scaling.policy import Slo
from modelfleet.scaling.simulation.fleet import FleetModel
from modelfleet.scaling.simulation.profile import EngineProfile
from modelfleet.scaling.simulation.request import Request
from modelfleet.scaling.simulation.run import EPOCH, simulate
from modelfleet.scaling.simulation.scaler import Seen, Verdict
from modelfleet.scaling.simulation.score import Score, score

SLOT_SECONDS = 10.0
SMOOTHINGS = (6, 1)
"""Slots to take the mean over."""
_SEARCH_STEPS = 5
_LEAD_SECONDS = 6.0
"""Orders are given this much earlier than a cold start: the time between two decisions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Sizes over time."""

    changes: tuple[tuple[float, int], ...]
    """(from when, size), beginning at 0."""

    interval_seconds: float = 5.0

    @property
    def first_size(self) -> int:
        """Return the size it begins with."""
        return self.changes[0][1]

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return the size for *now*, as every scaler does."""
        del seen
        since = now - EPOCH
        return Verdict(next(size for when, size in reversed(self.changes) if when <= since))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The best schedule found, and what it costs."""

    schedule: Schedule
    score: Score


def clairvoyant(
    model: FleetModel,
    requests: Sequence[Request],
    *,
    duration_seconds: float,
    slo: Slo,
    allowed_misses: float,
    is_thorough: bool = True,
) -> Bound:
    """
    Return the cheapest schedule with at most *allowed_misses*, or with the fewest where none is good enough.

    It takes 10 simulations, or 4 for a bound that is not *is_thorough*.
    """
    known = replace(model, cold_start=replace(model.cold_start, variation=0.0))
    work = work_per_slot(requests, model.profile, duration_seconds=duration_seconds)
    best: Bound | None = None
    for slots in SMOOTHINGS if is_thorough else SMOOTHINGS[:1]:
        low, high = 0.2, 1.2
        for _ in range(_SEARCH_STEPS if is_thorough else _SEARCH_STEPS - 1):
            utilization = (low + high) / 2
            plan = schedule(_smoothed(work, slots), utilization, model)
            run = simulate(
                replace(known, first_size=plan.first_size), requests, plan, duration_seconds=duration_seconds
            )
            found = Bound(schedule=plan, score=score(run, slo))
            if 1 - found.score.attainment <= allowed_misses:
                low = utilization
            else:
                high = utilization
            best = found if best is None else _better(best, found, allowed_misses)
    if best is None:
        raise ValueError("`SMOOTHINGS` must not be empty")
    return best


def _better(first: Bound, second: Bound, allowed_misses: float) -> Bound:
    def rank(bound: Bound) -> tuple[float, float]:
        return (max(0.0, 1 - bound.score.attainment - allowed_misses), bound.score.gpu_hours)

    return min(first, second, key=rank)


def work_per_slot(requests: Sequence[Request], profile: EngineProfile, *, duration_seconds: float) -> list[float]:
    """Return for every ten seconds how many replicas would be busy if batches were endless."""
    work = [0.0] * (int(duration_seconds / SLOT_SECONDS) + 1)
    token_seconds = 1.5 * profile.step_seconds(tokens=1, kv_tokens=0)
    for request in requests:
        first = int(request.arrival / SLOT_SECONDS)
        new = request.prompt - request.prefix_tokens
        prefill = new * (profile.seconds_per_token + profile.seconds_per_attended_token * (request.prompt - new / 2))
        work[min(first, len(work) - 1)] += prefill / SLOT_SECONDS
        context = request.prompt + request.output / 2
        decode = request.output * (profile.seconds_per_token + profile.seconds_per_kv_token * context)
        slots = 1 + int(request.output * token_seconds / SLOT_SECONDS)
        for slot in range(first, min(first + slots, len(work))):
            work[slot] += decode / slots / SLOT_SECONDS
    return work


def schedule(work: Sequence[float], utilization: float, model: FleetModel) -> Schedule:
    """Return when to have how many pods for *work* at *utilization*."""
    cold = model.cold_start.mean_seconds
    need = [min(model.max_replicas, max(1, math.ceil(slot / utilization))) for slot in work]
    moves: dict[float, int] = {0.0: 0}
    for level in range(1, max(need) + 1):
        for start, end in _merged(_intervals(need, level), gap=cold + model.release_seconds):
            ordered = max(0.0, start - cold - _LEAD_SECONDS)
            moves[ordered] = moves.get(ordered, 0) + 1
            moves[end] = moves.get(end, 0) - 1
    size, changes = 0, []
    for when in sorted(moves):
        size += moves[when]
        changes.append((when, size))
    return Schedule(changes=tuple(changes))


def _intervals(need: Sequence[int], level: int) -> Iterator[tuple[float, float]]:
    start = None
    for slot, size in enumerate([*need, 0]):
        if size >= level and start is None:
            start = slot
        elif size < level and start is not None:
            yield start * SLOT_SECONDS, slot * SLOT_SECONDS
            start = None


def _merged(intervals: Iterator[tuple[float, float]], *, gap: float) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in intervals:
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged


def _smoothed(work: Sequence[float], slots: int) -> list[float]:
    """Return the mean over *slots* around each slot."""
    side = slots // 2
    return [sum(part) / len(part) for i in range(len(work)) if (part := work[max(0, i - side) : i + side + 1])]
