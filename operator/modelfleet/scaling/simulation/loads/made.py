"""A load made of a shape, a mix and a seed."""

import random
from dataclasses import dataclass

from modelfleet.scaling.simulation.loads.arrivals import Burstiness, arrivals
from modelfleet.scaling.simulation.loads.lengths import CHAT, Lengths, Mix, steady
from modelfleet.scaling.simulation.loads.shapes import Shape
from modelfleet.scaling.simulation.request import Request

POISSON = Burstiness()
CHATTING = steady((1.0, CHAT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How requests come, and what they are."""

    name: str
    shape: Shape
    duration_seconds: float = 3600.0
    burstiness: Burstiness = POISSON
    mix: Mix = CHATTING
    bursty: bool = False
    """No reactive scaler can meet it: more misses are allowed."""


def requests_of(load: Load, seed: int) -> tuple[Request, ...]:
    """Return the requests of *load*; the same seed gives the same ones."""
    chance = random.Random(f"{load.name}/{seed}")
    prefixes: dict[Lengths, int] = {}
    times = arrivals(load.shape, duration_seconds=load.duration_seconds, chance=chance, burstiness=load.burstiness)
    return tuple(_request(at, load.mix, chance, prefixes) for at in times)


def _request(at: float, mix: Mix, chance: random.Random, prefixes: dict[Lengths, int]) -> Request:
    parts = mix(at)
    lengths = parts[0][1]
    if len(parts) > 1:
        (lengths,) = chance.choices([part for _, part in parts], [share for share, _ in parts])
    prompt, output = lengths.draw(chance)
    prefix = prefixes.setdefault(lengths, len(prefixes) + 1) if lengths.shared_prefix else 0
    return Request(at, prompt, output, prefix, lengths.shared_prefix)
