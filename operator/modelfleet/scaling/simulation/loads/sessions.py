"""People who come, talk in turns, and leave: conversations whose prompts grow, and hours in which nobody is there."""

import random
from dataclasses import dataclass

from modelfleet.scaling.simulation.loads.arrivals import arrivals
from modelfleet.scaling.simulation.loads.lengths import CHAT, Lengths
from modelfleet.scaling.simulation.loads.made import POISSON
from modelfleet.scaling.simulation.loads.shapes import Shape
from modelfleet.scaling.simulation.request import Request

MOST_SAID = 8_000
"""Tokens after which a conversation ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """How people come and talk."""

    name: str
    shape: Shape
    """People who come in a second."""
    duration_seconds: float = 3600.0
    turns: float = 6.0
    """Mean number of requests of a session."""
    think_seconds: float = 25.0
    """Mean time from an answer to the next question."""
    lengths: Lengths = CHAT


def session_requests(sessions: Sessions, seed: int) -> tuple[Request, ...]:
    """Return the requests of all sessions in the order of their arrival."""
    chance = random.Random(f"{sessions.name}/{seed}")
    starts = arrivals(sessions.shape, duration_seconds=sessions.duration_seconds, chance=chance, burstiness=POISSON)
    made = [request for number, at in enumerate(starts, 1) for request in _session(at, number, sessions, chance)]
    in_time = (request for request in made if request.arrival < sessions.duration_seconds)
    return tuple(sorted(in_time, key=lambda request: request.arrival))


def _session(at: float, number: int, sessions: Sessions, chance: random.Random) -> list[Request]:
    said, made = 0, []
    while said < MOST_SAID:
        prompt, output = sessions.lengths.draw(chance)
        made.append(Request(at, said + prompt, output, number, said))
        if chance.random() < 1 / sessions.turns:
            break
        said += prompt + output
        at += output * 0.02 + chance.expovariate(1 / sessions.think_seconds)
    return made
