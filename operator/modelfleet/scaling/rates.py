"""How fast a size changes: upwards in steps, downwards in smaller ones and only to what was enough for a while."""

from dataclasses import dataclass
from itertools import pairwise

from modelfleet.scaling.policy import ScalingPolicy

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Need:
    """A size, and when it was needed, or had."""

    at: float
    replicas: int


def with_need(needs: tuple[Need, ...], need: Need, *, seconds: float) -> tuple[Need, ...]:
    """Return *needs* of the last *seconds* with one more; only those that can still be the largest are kept."""
    kept = tuple(n for n in needs if n.at > need.at - seconds and n.replicas > need.replicas)
    return (*kept, need)


def largest(needs: tuple[Need, ...]) -> Need:
    """Return the largest of *needs*, the latest of those: the maximum, since with less every dip would count."""
    return max(needs, key=lambda need: (need.replicas, need.at))


def with_size(sizes: tuple[Need, ...], size: Need) -> tuple[Need, ...]:
    """Return the *sizes* that were had in the last minute, each at its beginning, with that of now."""
    if not sizes or sizes[-1].replicas != size.replicas:
        sizes = (*sizes, size)
    begin = size.at - MINUTE
    # A size is over when the next begins: the one that held when the minute began still counts.
    return tuple(had for had, after in pairwise(sizes) if after.at > begin) + sizes[-1:]


def highest_step(sizes: tuple[Need, ...], policy: ScalingPolicy) -> int:
    """Return the largest size that the rate allows: from the smallest of the last minute, by at least one."""
    base = min(size.replicas for size in sizes)
    return base + max(1, base * policy.scale_up_percent_per_minute // 100)


def lowest_step(sizes: tuple[Need, ...], policy: ScalingPolicy) -> int:
    """Return the smallest size that the rate allows: from the largest of the last minute, by at least one."""
    base = max(size.replicas for size in sizes)
    return max(0, base - max(1, base * policy.scale_down_percent_per_minute // 100))
