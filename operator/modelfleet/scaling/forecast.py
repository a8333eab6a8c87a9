"""
What the work will be when a pod that is ordered now is ready: the level of now, and how wrong that usually is.

The level is the forecast; trends and seasons of the past made none better. What makes a size safe is the distribution
of the forecast's own errors at this very horizon, over the last hours of this very fleet:

    e = (work that came - level) / sqrt(level · mean)

with the mean of the same hours. Errors of arrivals grow with the root of the level, those of changes of the level with
the level itself; the geometric mean of level and mean lies between. The distribution is a histogram whose old entries
fade, with a prior worth a quarter of an hour.
"""

import math
from dataclasses import dataclass

HALF_LIFE_SECONDS = 3600.0
LOWEST, HIGHEST, BIN_WIDTH = -1.0, 3.0, 0.1
"""The range of e: from nothing came to four times the level, where level and mean agree."""
BINS = round((HIGHEST - LOWEST) / BIN_WIDTH)
CENTERS = tuple(LOWEST + (index + 0.5) * BIN_WIDTH for index in range(BINS))
PRIOR_SECONDS = 900.0
PRIOR_SPREAD = 0.2
"""Standard deviation of e before any was seen."""
FLOOR = 0.1
"""A level below this share of the mean counts as this share for the scale: errors stay finite after a quiet hour."""

_SHAPE = tuple(math.exp(-0.5 * (center / PRIOR_SPREAD) ** 2) for center in CENTERS)
PRIOR = tuple(PRIOR_SECONDS * weight / sum(_SHAPE) for weight in _SHAPE)


@dataclass(frozen=True, slots=True)
class Pending:
    """A level that is the forecast for later."""

    at: float
    level: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The errors seen so far, in seconds of weight for each bin, and the forecasts that have not come due."""

    errors: tuple[float, ...] = (0.0,) * BINS
    pending: tuple[Pending, ...] = ()
    mean_work: float = 0.0
    mean_seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Return the mean work of the last hours, in replicas."""
        return self.mean_work / self.mean_seconds if self.mean_seconds else 0.0

    def scale(self, level: float) -> float:
        """Return the unit of errors at *level*, in replicas."""
        mean = max(self.mean, level) if self.mean_seconds < PRIOR_SECONDS else self.mean
        return math.sqrt(max(level, FLOOR * mean) * mean)

    def with_tick(self, *, now: float, seconds: float, level: float, came: float, horizon: float) -> "Forecast":
        """Return it after *seconds* with the work *came*; *level* becomes the forecast for `now + horizon`."""
        due = [forecast for forecast in self.pending if forecast.at + horizon <= now]
        errors = self.errors
        if due and due[-1].scale > 0.0:
            errors = _with_error(errors, (came - due[-1].level) / due[-1].scale, seconds)
        keep = 0.5 ** (seconds / HALF_LIFE_SECONDS)
        return Forecast(
            errors=errors,
            pending=(*self.pending[len(due) :], Pending(now, level, self.scale(level))),
            mean_work=self.mean_work * keep + came * seconds,
            mean_seconds=self.mean_seconds * keep + seconds,
        )

    def outcomes(self, level: float, *, at_most: float) -> list[tuple[float, float]]:
        """Return the works that may come, in replicas and none above *at_most*, each with its probability, rising."""
        scale = self.scale(level)
        weights = [seen + prior for seen, prior in zip(self.errors, PRIOR, strict=True)]
        whole = sum(weights)
        return [
            (min(max(level + center * scale, 0.0), at_most), weight / whole)
            for center, weight in zip(CENTERS, weights, strict=True)
            if weight > 1e-4 * whole
        ]


def _with_error(errors: tuple[float, ...], error: float, seconds: float) -> tuple[float, ...]:
    keep = 0.5 ** (seconds / HALF_LIFE_SECONDS)
    index = min(max(int((error - LOWEST) / BIN_WIDTH), 0), BINS - 1)
    faded = [weight * keep for weight in errors]
    faded[index] += seconds
    return tuple(faded)
