"""Small fleets that tests simulate."""

from collections.abc import Callable

from modelfleet.scaling import Observation
from modelfleet.scaling.simulation.fleet import ColdStart, FleetModel
from modelfleet.scaling.simulation.loads import Lengths, Load, Shape, requests_of, steady
from modelfleet.scaling.simulation.profile import LLAMA_8B_A100
from modelfleet.scaling.simulation.request import Request
from modelfleet.scaling.simulation.run import EPOCH
from modelfleet.scaling.simulation.scaler import Seen, Verdict

MODEL = FleetModel(profile=LLAMA_8B_A100, cold_start=ColdStart(mean_seconds=60, variation=0.0), max_replicas=8)


def made(shape: Shape, *, minutes: float = 5.0, seed: int = 1) -> tuple[Request, ...]:
    """Return requests of some 500 tokens in and 200 out."""
    mix = steady((1.0, Lengths(prompt_median=500, prompt_sigma=0.5, output_median=200, output_sigma=0.5)))
    return requests_of(Load(name="test", shape=shape, duration_seconds=60 * minutes, mix=mix), seed)


class Scripted:
    """A scaler that wants what a function of the seconds says, and remembers what it saw."""

    def __init__(self, wanted: Callable[[float], int], *, interval_seconds: float = 5.0) -> None:
        self.wanted = wanted
        self.interval_seconds = interval_seconds
        self.seen: list[Observation] = []

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return what the function says."""
        self.seen.append(seen.observation)
        return Verdict(self.wanted(now - EPOCH))

    def at(self, seconds: float) -> Observation:
        """Return the first observation at *seconds* or later."""
        return next(one for one in self.seen if one.at >= EPOCH + seconds)
