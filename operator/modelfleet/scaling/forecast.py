"""
What the work will be when a pod that is ordered now is ready, and how wrong that usually is.

The forecast starts from the level of now, and adds a share of how much it rose over the last horizon and a share of
how far it is from the mean of the last hours:

    forecast = level(t) + b·(level(t) - level(t - horizon)) + c·(mean - level(t))

b and c are learned, by least squares against what came, and lie between 0 and 1. A load in waves is continued: on a
wave of frequency w the forecast is exact with b = 1 and c = 2 - 2·cos(w·horizon). Where rises are noise or steps both
come near 0, and the level is the forecast. Before anything is known b is 1, since being late costs a cold start, and c
is 0: what the mean is takes a wave to know.

What makes a size safe is the distribution of the forecast's own errors at this very horizon, over the last two hours of
this very fleet:

    e = (work that came - forecast) / sqrt(level · mean)

Errors of arrivals grow with the root of the level, those of changes of the level with the level itself; the geometric
mean of level and mean lies between. Outcomes are kept, not errors: what was learned since counts for all of them. A
prior worth some minutes stands in for errors that were not seen.
"""

import math
from dataclasses import dataclass, replace

MEAN_HALF_LIFE_SECONDS = 3600.0
OUTCOME_SECONDS = 40.0
"""How far apart the outcomes are that are kept; closer ones say the same."""
OUTCOMES = 180
"""Two hours of them."""

LOWEST, HIGHEST, BIN_WIDTH = -1.0, 3.0, 0.1
"""The range of e: from nothing came to four times the level, where level and mean agree."""
BINS = round((HIGHEST - LOWEST) / BIN_WIDTH)
CENTERS = tuple(LOWEST + (index + 0.5) * BIN_WIDTH for index in range(BINS))
PRIOR_OUTCOMES = 2.0
PRIOR_SPREAD = 0.35
"""Standard deviation of e before any was seen: wide, and soon outweighed by what is."""
FLOOR = 0.1
"""A level below this share of the mean counts as this share for the scale: errors stay finite after a quiet hour."""
TREND_PRIOR = 0.1
"""Rise of the prior's outcomes as a share of the mean."""
TREND_FOLLOWED = 1.0
"""What of its rise the prior saw to go on."""
DISTANT_OUTCOMES = 20.0
DISTANT = 0.5
"""So many outcomes at that distance from the mean, as a share of it, were not drawn to it."""

_SHAPE = tuple(math.exp(-0.5 * (center / PRIOR_SPREAD) ** 2) for center in CENTERS)
_PRIOR = tuple(PRIOR_OUTCOMES * weight / sum(_SHAPE) for weight in _SHAPE)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a forecast rests on, in replicas of work."""

    at: float
    level: float
    rise: float
    """The level against that of one horizon before."""
    distance: float
    """The mean, as it was known then, against the level."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A forecast's basis, and the work that came."""

    basis: Basis
    came: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The outcomes of the last two hours, what they teach, and the forecasts that have not come due."""

    outcomes: tuple[Outcome, ...] = ()
    pending: tuple[Basis, ...] = ()
    mean_work: float = 0.0
    mean_seconds: float = 0.0
    trend: float = TREND_FOLLOWED
    """b."""
    reversion: float = 0.0
    """c."""
    errors: tuple[float, ...] = _PRIOR
    """How many outcomes had an error e in each bin, the prior included."""

    @property
    def mean(self) -> float:
        """Return the mean work of the last hours, in replicas."""
        return self.mean_work / self.mean_seconds if self.mean_seconds else 0.0

    def expected(self, basis: Basis) -> float:
        """Return the work that is expected one horizon later."""
        return max(basis.level + self.trend * basis.rise + self.reversion * basis.distance, 0.0)

    def scale(self, level: float) -> float:
        """Return the unit of errors at *level*, in replicas."""
        mean = self.mean or level
        return math.sqrt(max(level, FLOOR * mean) * mean)

    def with_tick(self, *, now: float, seconds: float, level: float, came: float, horizon: float) -> "Forecast":
        """Return it after *seconds* with the work *came*; *level* makes the forecast for `now + horizon`."""
        keep = 0.5 ** (seconds / MEAN_HALF_LIFE_SECONDS)
        due = [basis for basis in self.pending if basis.at + horizon <= now]
        after = replace(
            self,
            pending=(*self.pending[len(due) :], self.basis(now, level)),
            mean_work=self.mean_work * keep + came * seconds,
            mean_seconds=self.mean_seconds * keep + seconds,
        )
        if due and (not self.outcomes or due[-1].at - self.outcomes[-1].basis.at >= OUTCOME_SECONDS):
            return _taught(after, (*self.outcomes, Outcome(due[-1], came))[-OUTCOMES:])
        return after

    def basis(self, now: float, level: float) -> Basis:
        """Return what a forecast made at *now* rests on; the oldest that is not due was made one horizon ago."""
        rise = level - self.pending[0].level if self.pending else 0.0
        return Basis(now, level, rise, self.mean - level if self.mean_seconds else 0.0)

    def distribution(self, now: float, level: float, *, at_most: float) -> list[tuple[float, float]]:
        """Return the works that may come, in replicas and none above *at_most*, each with its probability, rising."""
        expected, scale = self.expected(self.basis(now, level)), self.scale(level)
        whole = sum(self.errors)
        return [
            (min(max(expected + center * scale, 0.0), at_most), weight / whole)
            for center, weight in zip(CENTERS, self.errors, strict=True)
            if weight > 1e-4 * whole
        ]


def _taught(forecast: Forecast, outcomes: tuple[Outcome, ...]) -> Forecast:
    """Return *forecast* with what *outcomes* teach, all of them judged by the mean and the coefficients of now."""
    trend, reversion = _coefficients(outcomes, forecast.mean)
    taught = replace(forecast, outcomes=outcomes, trend=trend, reversion=reversion)
    errors = [*_PRIOR]
    for outcome in outcomes:
        if (scale := taught.scale(outcome.basis.level)) > 0.0:
            error = (outcome.came - taught.expected(outcome.basis)) / scale
            errors[min(max(int((error - LOWEST) / BIN_WIDTH), 0), BINS - 1)] += 1.0
    return replace(taught, errors=tuple(errors))


def _coefficients(outcomes: tuple[Outcome, ...], mean: float) -> tuple[float, float]:
    """Return b and c, each between 0 and 1."""
    rises, distances = PRIOR_OUTCOMES * (TREND_PRIOR * mean) ** 2, DISTANT_OUTCOMES * (DISTANT * mean) ** 2
    if rises <= 0.0:
        return TREND_FOLLOWED, 0.0
    rise_came, distance_came, both = TREND_FOLLOWED * rises, 0.0, 0.0
    for outcome in outcomes:
        rise, distance = outcome.basis.rise, outcome.basis.distance
        beyond = outcome.came - outcome.basis.level
        rises += rise * rise
        distances += distance * distance
        both += rise * distance
        rise_came += rise * beyond
        distance_came += distance * beyond
    whole = rises * distances - both * both
    trend = (rise_came * distances - distance_came * both) / whole
    reversion = (distance_came * rises - rise_came * both) / whole
    # At a bound the other coefficient is best alone, given that one.
    if not 0.0 <= reversion <= 1.0:
        reversion = _share(reversion)
        trend = (rise_came - both * reversion) / rises
    if not 0.0 <= trend <= 1.0:
        trend = _share(trend)
        reversion = _share((distance_came - both * trend) / distances)
    return trend, reversion


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
