"""The smallest number of replicas that is enough, from the work that may come and from what misses at which use."""

from collections.abc import Sequence

from modelfleet.scaling.misses import BIN_WIDTH, BINS, Curve

Outcomes = Sequence[tuple[float, float]]
"""Works that may come, in replicas, each with its probability."""


def missed_share(replicas: int, outcomes: Outcomes, curve: Curve) -> float:
    """Return the expected share of requests that miss on so many replicas; busy outcomes have more of the requests."""
    shares, bins_per_work = curve.shares, 1.0 / (replicas * BIN_WIDTH)
    requests = missed = 0.0
    for work, probability in outcomes:
        weight = probability * work
        requests += weight
        # `curve.at`, written out: this is where a decision spends its time.
        place = work * bins_per_work - 0.5
        index = int(place)
        if index >= BINS - 1:
            missed += weight
        elif place <= 0.0:
            missed += weight * shares[0]
        else:
            low = shares[index]
            missed += weight * (low + (shares[index + 1] - low) * (place - index))
    return missed / requests if requests > 0.0 else 0.0


def smallest_size(outcomes: Outcomes, curve: Curve, *, allowed_share: float, at_most: int, near: int = 1) -> int:
    """
    Return the smallest size whose missed share is at most *allowed_share*; *at_most* where none is.

    The search begins at *near*, which costs less where it is close and changes nothing else: the share falls with size.
    """
    low, high, step = 1, max(at_most, 1), 1
    probe = min(max(near, low), high - 1)
    while low < high:
        if missed_share(probe, outcomes, curve) <= allowed_share:
            high = probe
            probe = high - step
        else:
            low = probe + 1
            probe = low + step - 1
        if not low <= probe < high:
            probe = (low + high) // 2
        step *= 2
    return low
