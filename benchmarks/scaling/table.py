"""One table of all scalers over all scenarios and reporting seeds: `python -m benchmarks scaling`."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from e2e.lab import Progress

from benchmarks.scaling.contest import Result, contest
from benchmarks.scaling.contestants import OURS, entrants
from benchmarks.scaling.scenarios import REPORTING_SEEDS, scenarios

Row = tuple[str, str, str]
WANTED = {"J, smooth loads": "≤ 1.19", "J, all loads": "≤ 1.45", "least attainment on a smooth load": "≥ 0.985"}


def run(progress: Progress) -> Iterator[Row]:
    """Yield the figures of every scaler; scenarios are the outer loop, since their requests are kept for one only."""
    results: dict[str, list[Result]] = {name: [] for name, _ in entrants()}
    for seed in REPORTING_SEEDS:
        for scenario in scenarios(seed):
            for name, make in entrants():
                results[name].append(contest(scenario, make))
            progress.note(
                f"{scenario.name}: " + "; ".join(f"{name} {found[-1].j:.3f}" for name, found in results.items())
            )
    for name, found in results.items():
        yield _row(name, found)


def figures(found: Sequence[Result]) -> dict[str, float]:
    """Return what is compared."""
    hours = fmean(one.scenario.load.duration_seconds for one in found) / 3600
    smooth = [one for one in found if not one.scenario.load.bursty]
    return {
        "J, smooth loads": fmean(one.j for one in smooth),
        "J, all loads": fmean(one.j for one in found),
        "least attainment on a smooth load": min(one.score.attainment for one in smooth),
        "GPU-hours against foresight": fmean(one.score.gpu_hours / one.bound.gpu_hours for one in found),
        "changes of size an hour": fmean(one.score.scale_events for one in found) / hours,
        "reversals an hour": fmean(one.score.reversals for one in found) / hours,
    }


def _row(name: str, found: Sequence[Result]) -> Row:
    values = figures(found)
    words = ", ".join(f"{figure} {value:.3f}" for figure, value in values.items())
    return (name, words, ", ".join(f"{figure} {limit}" for figure, limit in WANTED.items()) if name == OURS else "")
