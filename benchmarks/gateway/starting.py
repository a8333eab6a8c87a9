"""How soon an operator that starts with 5,000 models has a request answered, and what a change sends."""

import time
from collections.abc import Iterator

from e2e.lab import Progress
from tests.apiserver.gateway_world import route_policy

from benchmarks.gateway.changes import answer, serve
from benchmarks.gateway.live import entrances, milliseconds_until, start, world
from benchmarks.gateway.stand import busy
from benchmarks.stage import Row

MODELS = 5000
WANTED_SECONDS = 30
WANTED_BYTES = 4000


def run(progress: Progress) -> Iterator[Row]:
    """Yield the seconds until the last of the models is served, and the bytes that one change sends."""
    with world(MODELS, progress) as made:
        began = time.perf_counter()
        replica = made.replica()
        envoys = start(made, replica, 1)
        with entrances(made, *envoys) as ways:
            milliseconds_until(lambda: serve(ways, f"model-{MODELS - 1}"))
            seconds = time.perf_counter() - began
            progress.note(f"served after {seconds:.1f} s; {busy()}")
            made.own.create(route_policy("moving", "model-0", models=["moving"]))
            milliseconds_until(lambda: answer(ways, "moving", "a"))
            before = replica.sent_bytes()
            rules = [{"name": "other", "backends": [{"modelDeployment": "model-1"}], "timeouts": {"idleSeconds": 99}}]
            made.own.patch("RoutePolicy", {"spec": {"rules": rules}}, "moving")
            milliseconds_until(lambda: replica.sent_bytes() > before)
            sent = replica.sent_bytes() - before
    yield (f"operator start → request answered, {MODELS} models", f"{seconds:.1f} s", f"≤ {WANTED_SECONDS} s")
    yield ("bytes that a change to one of them sends", f"{sent:.0f}", f"≤ {WANTED_BYTES}")
