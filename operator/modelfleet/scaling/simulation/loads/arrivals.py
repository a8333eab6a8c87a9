"""
When requests come, given how many come on average.

Real arrivals are burstier than Poisson in two ways, and both are here: the time between two requests is gamma
distributed, and the rate itself moves from one ten seconds to the next.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from modelfleet.scaling.simulation.loads.shapes import Shape

SLOT_SECONDS = 10.0
_STEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Burstiness:
    """Standard deviations over means."""

    gaps: float = 1.0
    """Of the time between requests; 1 is Poisson, services were seen with 1.2 to 3."""
    slots: float = 0.0
    """Of the rate from one ten seconds to the next."""


def arrivals(
    shape: Shape, *, duration_seconds: float, chance: random.Random, burstiness: Burstiness
) -> Iterator[float]:
    """
    Yield the times of requests, in order.

    Work time passes as fast as requests come; in it the gaps have a mean of 1, whatever the rate.
    """
    work, due, at, factor = 0.0, _gap(chance, burstiness.gaps) * chance.random(), 0.0, 1.0
    while at < duration_seconds:
        if at % SLOT_SECONDS < _STEP_SECONDS:
            factor = _gap(chance, burstiness.slots) if burstiness.slots else 1.0
        rate = shape(at) * factor
        end = work + rate * _STEP_SECONDS
        while due < end:
            yield at + (due - work) / rate
            due += _gap(chance, burstiness.gaps)
        work, at = end, at + _STEP_SECONDS


def _gap(chance: random.Random, variation: float) -> float:
    """Return a gamma distributed number with mean 1."""
    form = 1 / variation**2
    return chance.gammavariate(form, 1 / form)
