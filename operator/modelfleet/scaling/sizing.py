"""The smallest number of replicas that is enough, from the work that may come and from what misses at which use."""

from collections.abc import Sequence

from modelfleet.scaling.misses import Curve

Outcomes = Sequence[tuple[float, float]]
"""Works that may come, in replicas, each with its probability."""


def missed_share(replicas: int, outcomes: Outcomes, curve: Curve) -> float:
    """Return the expected share of requests that miss on so many replicas; busy outcomes have more of the requests."""
    requests = missed = 0.0
    for work, probability in outcomes:
        weight = probability * work
        requests += weight
        missed += weight * curve.at(work / replicas)
    return missed / requests if requests > 0.0 else 0.0


def smallest_size(outcomes: Outcomes, curve: Curve, *, allowed_share: float, at_most: int) -> int:
    """Return the smallest size whose missed share is at most *allowed_share*; *at_most* where none is."""
    low, high = 1, max(at_most, 1)
    while low < high:
        middle = (low + high) // 2
        if missed_share(middle, outcomes, curve) <= allowed_share:
            high = middle
        else:
            low = middle + 1
    return low
