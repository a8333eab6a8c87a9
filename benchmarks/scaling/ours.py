"""Our scaler alone, scenario by scenario: `python -m benchmarks scaling-ours`."""

from collections.abc import Iterator
from statistics import fmean

from e2e.lab import Progress

from benchmarks.scaling.contest import Result, contest
from benchmarks.scaling.contestants import ours
from benchmarks.scaling.scenarios import REPORTING_SEEDS, scenarios
from benchmarks.scaling.table import WANTED, figures


def run(progress: Progress) -> Iterator[tuple[str, str, str]]:
    """Yield J and what it is made of for every scenario, and the figures over all of them."""
    found = []
    for seed in REPORTING_SEEDS:
        for scenario in scenarios(seed):
            found.append(contest(scenario, ours))
            progress.note(f"{scenario.name}: J {found[-1].j:.3f}, mean so far {fmean(one.j for one in found):.3f}")
            yield (scenario.name, _words(found[-1]), "bursty" if scenario.load.bursty else "smooth")
    for figure, value in figures(found).items():
        yield (figure, f"{value:.3f}", WANTED.get(figure, ""))


def _words(result: Result) -> str:
    score = result.score
    return (
        f"J {result.j:.3f}: {score.gpu_hours:.2f} GPU-hours (foresight {result.bound.gpu_hours:.2f}), "
        f"{100 * score.attainment:.2f} % good, {score.scale_events} changes, {score.reversals} reversals, "
        f"at most {score.largest} pods (foresight {result.bound.largest})"
    )
