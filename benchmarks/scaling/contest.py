"""One scaler on one scenario, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.scaling.bounds import Bound, bound_of
from benchmarks.scaling.scenarios import Scenario, starting_with
from modelfleet.scaling.simulation.loads import requests_of
from modelfleet.scaling.simulation.request import Request
from modelfleet.scaling.simulation.run import Run, simulate
from modelfleet.scaling.simulation.scaler import Scaler
from modelfleet.scaling.simulation.score import Score, score

MakeScaler = Callable[[Scenario], Scaler]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a scaler did."""

    scenario: Scenario
    bound: Bound
    score: Score

    @property
    def j(self) -> float:
        """Return GPU-hours against foresight, and the penalty for misses; 1.00 is perfect."""
        return self.score.against(self.bound.gpu_hours, allowed_misses=self.scenario.allowed_misses)


def contest(scenario: Scenario, make: MakeScaler) -> Result:
    """Return how the scaler that *make* returns does on *scenario*, from the size that foresight begins with."""
    requests = requests_for(scenario)
    bound = bound_of(scenario, requests)
    return Result(scenario=scenario, bound=bound, score=score(play(scenario, make), scenario.slo))


def play(scenario: Scenario, make: MakeScaler) -> Run:
    """Return the run behind the result."""
    requests = requests_for(scenario)
    model = starting_with(scenario.model, bound_of(scenario, requests).first_size)
    return simulate(model, requests, make(scenario), duration_seconds=scenario.load.duration_seconds)


def requests_for(scenario: Scenario) -> tuple[Request, ...]:
    """Return the requests of *scenario*; those of the last one asked for are kept."""
    return _made(scenario)


@lru_cache(maxsize=1)
def _made(scenario: Scenario) -> tuple[Request, ...]:
    return requests_of(scenario.load, scenario.seed)
