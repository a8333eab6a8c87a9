"""The figures of a simulation, as a table for people and as JSON for programs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from modelfleet.cli.simulate_fleet import SimulatedFleet
from modelfleet.cli.simulate_load import Demand
from modelfleet.scaling.simulation.run import Run, Sample
from modelfleet.scaling.simulation.score import Score

HEADER = ("SCALER", "GPU HOURS", "COST", "WITHIN SLO", "CHANGES", "REVERSALS", "MOST PODS")


@dataclass(frozen=True, slots=True)
class Entry:
    """A scaler, and what came of it."""

    name: str
    score: Score


def as_row(entry: Entry) -> tuple[str, ...]:
    """Return the cells of the table."""
    found = entry.score
    return (
        entry.name,
        f"{found.gpu_hours:.2f}",
        f"{found.cost_cents / 100:.2f}",
        f"{100 * found.attainment:.2f} %",
        str(found.scale_events),
        str(found.reversals),
        str(found.largest),
    )


def changes(run: Run) -> Iterator[Sample]:
    """Yield the samples at which another size was wanted."""
    before = run.model.first_size
    for sample in run.samples:
        if sample.wanted != before:
            yield sample
        before = sample.wanted


def as_json(fleet: SimulatedFleet, demand: Demand, run: Run, entries: Iterable[Entry]) -> dict[str, Any]:
    """Return the documented object: the engine, the load, the figures, and every change of size with its reason."""
    profile = run.model.profile
    return {
        "engine": {"name": profile.name, "gpus": profile.gpus, "kvCacheTokens": profile.kv_tokens},
        "load": {
            "name": demand.name,
            "requests": len(demand.requests),
            "durationSeconds": round(demand.duration_seconds, 3),
        },
        "slo": {
            "timeToFirstTokenMilliseconds": round(1000 * fleet.slo.time_to_first_token_seconds),
            "interTokenMilliseconds": round(1000 * fleet.slo.inter_token_seconds),
        },
        "assumptions": list(fleet.assumptions),
        "results": [_result(entry) for entry in entries],
        "changes": [_change(before, after) for before, after in _moves(run)],
    }


def _result(entry: Entry) -> dict[str, Any]:
    found = entry.score
    return {
        "scaler": entry.name,
        "gpuHours": round(found.gpu_hours, 3),
        "costCents": round(found.cost_cents),
        "withinSlo": round(found.attainment, 5),
        "changes": found.scale_events,
        "reversals": found.reversals,
        "mostPods": found.largest,
    }


def _moves(run: Run) -> Iterator[tuple[int, Sample]]:
    sizes = [run.model.first_size, *(sample.wanted for sample in changes(run))]
    for (before, _), sample in zip(pairwise(sizes), changes(run), strict=True):
        yield before, sample


def _change(before: int, sample: Sample) -> dict[str, Any]:
    found: dict[str, Any] = {"atSeconds": round(sample.at, 1), "from": before, "to": sample.wanted}
    if sample.decision:
        found |= {"rule": sample.decision.rule, "reason": sample.decision.reason, "message": sample.decision.message}
    return found
