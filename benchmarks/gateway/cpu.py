"""The processor time of a request with everything on, against plain routing by the body's model."""

import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from e2e.lab import Progress
from tests.envoy.envoy_process import free_port
from tests.gateway.objects import KEY, caching, fleet, policy, rule, secret, to

from benchmarks.gateway import plain, processor_time
from benchmarks.gateway.stand import Through, busy, engines, gateway, load, through
from benchmarks.stage import Row

PODS = 4
ROUNDS = 5
REQUESTS = {False: 6000, True: 3000}
"""In one round, of JSON and of streams."""
CONNECTIONS = 32
MUCH = 2_000_000_000
WANTED = {False: 1.8, True: 3.0}
KIND = {False: "JSON request", True: "stream of 16 events"}


def everything_on() -> list[Any]:
    """Return the objects of a model with keys, limits by user and team, affinity, and a fallback to another fleet."""
    limits = [
        {"per": per, "requestsPerMinute": MUCH, "reservedTokensPerMinute": MUCH, "defaultMaxTokens": 16}
        for per in ("User", "Team")
    ]
    fallback = [to("spare"), {"static": {"status": 503, "message": "Come again.", "retryAfterSeconds": 5}}]
    routed = policy(rule(to("llama"), fallback=fallback), auth={"apiKeys": {}}, limits=limits)
    return [fleet(), fleet("spare"), routed, caching("llama", affinity={"key": "Prefix"}), secret()]


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of processor time per request, one for each round."""

    plain: tuple[float, ...]
    full: tuple[float, ...]

    def ratio(self) -> float:
        """Return the median over the rounds of what everything costs, as a multiple of plain routing."""
        return statistics.median(full / plain for plain, full in zip(self.plain, self.full, strict=True))


def run(progress: Progress) -> Iterator[Row]:
    """Yield the two ratios, and the microseconds behind them."""
    with ExitStack() as running:
        pods = running.enter_context(engines(PODS))
        port = free_port()
        bare = running.enter_context(through(plain.bootstrap("chat", pods, port), port))
        full = running.enter_context(gateway(everything_on(), {"models/llama": pods, "models/spare": pods}, replicas=1))
        for is_stream in (False, True):
            cost = measure(bare, full, is_stream=is_stream)
            progress.note(f"{KIND[is_stream]}: {cost}; {busy()}")
            yield from rows(cost, is_stream=is_stream)


def measure(bare: Through, full: Through, *, is_stream: bool, rounds: int = ROUNDS) -> Cost:
    """Return what a request costs each way, in rounds that take turns."""
    for way in (bare, full):
        microseconds(way, requests=200, is_stream=is_stream)
    found = [[microseconds(way, is_stream=is_stream) for way in (bare, full)] for _ in range(rounds)]
    return Cost(tuple(bare for bare, _ in found), tuple(full for _, full in found))


def microseconds(way: Through, *, is_stream: bool, requests: int = 0, **options: Any) -> float:
    """Return the microseconds of processor time that Envoy uses per request; all requests must be answered with 200."""
    count = requests or REQUESTS[is_stream]
    before = processor_time.seconds(way.pid)
    said = load(way.port, connections=CONNECTIONS, requests=count, stream=is_stream, key=KEY, **options)
    used = processor_time.seconds(way.pid) - before
    if said["statuses"] != {"200": count}:
        raise ValueError(f"all {count} requests must be answered with 200, found {said['statuses']}")
    return used / count * 1e6


def rows(cost: Cost, *, is_stream: bool) -> Iterator[Row]:
    """Yield the rows about one kind of request."""
    kind = KIND[is_stream]
    yield (f"{kind}: CPU with everything on ÷ routing by body", f"{cost.ratio():.2f}", f"≤ {WANTED[is_stream]:g}")
    yield (
        f"{kind}: CPU of everything on, of routing by body",
        f"{statistics.median(cost.full):.0f} µs, {statistics.median(cost.plain):.0f} µs",
        "–",
    )
