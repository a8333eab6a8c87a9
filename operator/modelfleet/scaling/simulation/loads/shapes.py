"""How many requests come in a second, over time."""

import math
from collections.abc import Callable

Shape = Callable[[float], float]
"""From seconds since the load began to requests in a second, on average."""


def constant(rate: float) -> Shape:
    """Return the same *rate* all the time."""
    return lambda _: rate


def ramp(start: float, end: float, *, seconds: float) -> Shape:
    """Return a rate that goes evenly from *start* to *end* within *seconds*, and stays there."""
    return lambda at: start + (end - start) * min(1.0, at / seconds)


def step(before: float, after: float, *, at: float, until: float = math.inf) -> Shape:
    """Return a rate that is *after* from *at* on, and *before* again from *until* on."""
    return lambda now: after if at <= now < until else before


def diurnal(mean: float, *, swing: float, period: float) -> Shape:
    """Return a wave around *mean* that goes up and down by the share *swing*, beginning at its lowest."""
    return lambda at: mean * (1 - swing * math.cos(2 * math.pi * at / period))


def spikes(base: float, peak: float, *, every: float, lasting: float) -> Shape:
    """Return *base*, and *peak* for *lasting* seconds at the end of every period."""
    return lambda at: peak if at % every >= every - lasting else base


def on_off(rate: float, *, on: float, off: float) -> Shape:
    """Return *rate* for *on* seconds, then nothing for *off* seconds, again and again."""
    return lambda at: rate if at % (on + off) < on else 0.0
