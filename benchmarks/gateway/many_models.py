"""
The processor time of a request with 1,000 models against 10.

Connections to pods belong to one model and idle for a second at most. With 1,000 models asked for in turn every request
needs a new one, which costs more than everything else; so the ratio is about the same ten models.
"""

import statistics
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

from e2e.lab import Progress
from tests.gateway.objects import fleet, secret

from benchmarks.gateway.cpu import PODS, microseconds
from benchmarks.gateway.stand import Through, busy, engines, gateway
from benchmarks.stage import Row

FEW, MANY = 10, 1000
ROUNDS = 7
WANTED = 1.15


def run(progress: Progress) -> Iterator[Row]:
    """Yield what more models cost where ten of them are asked for, and where all of them are, in turn."""
    with ExitStack() as running:
        pods = running.enter_context(engines(PODS))
        few, many = (running.enter_context(_gateway(count, pods)) for count in (FEW, MANY))
        rounds = [(_cost(few, FEW), _cost(many, FEW), _cost(many, MANY)) for _ in range(ROUNDS)]
        progress.note(f"microseconds with {FEW} models, with {MANY}, and with {MANY} asked for: {rounds}; {busy()}")
    ratio = statistics.median(many / few for few, many, _ in rounds)
    yield (f"CPU per JSON request with {MANY} models ÷ {FEW}, {FEW} asked for", f"{ratio:.2f}", f"≤ {WANTED}")
    ratio = statistics.median(all_of_them / few for few, _, all_of_them in rounds)
    yield ("the same, all asked for in turn: each request connects to its pod anew", f"{ratio:.2f}", "–")


def _cost(way: Through, count: int) -> float:
    return microseconds(way, is_stream=False, models=count)


def _gateway(count: int, pods: list[int]) -> AbstractContextManager[Through]:
    names = [f"chat-{number}" for number in range(count)]
    objects = [*(fleet(name) for name in names), secret()]
    return gateway(objects, {f"models/{name}": pods for name in names}, replicas=1)
