"""A small trace as the pattern of a larger load."""

import random
from collections.abc import Iterable, Iterator

from modelfleet.scaling.simulation.request import Request

SPREAD_SECONDS = 10.0
"""Copies of a request come within so many seconds after it."""


def copied(requests: Iterable[Request], *, copies: int, seed: int) -> tuple[Request, ...]:
    """Return *copies* of every request; each copy of a prefix is a prefix of its own."""
    chance = random.Random(f"copies/{seed}")
    return tuple(sorted(_copies(requests, copies, chance), key=lambda request: request.arrival))


def _copies(requests: Iterable[Request], copies: int, chance: random.Random) -> Iterator[Request]:
    for one in requests:
        yield one
        for copy in range(1, copies):
            prefix = one.prefix * copies + copy if one.prefix else 0
            at = one.arrival + chance.uniform(0.0, SPREAD_SECONDS)
            yield Request(at, one.prompt, one.output, prefix, one.prefix_tokens)
