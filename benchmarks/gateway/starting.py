"""How soon an operator that starts with 5,000 models has a request answered, and what a change costs then."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from e2e.lab import Progress
from tests.apiserver.gateway_world import Replica

from benchmarks.gateway import processor_time
from benchmarks.gateway.changes import policies
from benchmarks.gateway.live import entrances, milliseconds_until, serves, start, world
from benchmarks.gateway.stand import busy
from benchmarks.stage import Row

MODELS = 5000
CHANGES = 100
WANTED_SECONDS = 30
WANTED_MILLISECONDS = 10
WANTED_BYTES = 4000
PUBLISHED = "modelfleet_gateway_publish_duration_seconds"


@dataclass(frozen=True, slots=True)
class Published:
    """What an operator has published so far."""

    times: float
    seconds: float
    in_time: float
    """in_time of them took no longer than is wanted."""
    sent_bytes: float


def run(progress: Progress) -> Iterator[Row]:
    """Yield the seconds until the last of the models is served, and what a change to one of them costs."""
    with world(MODELS, progress) as made:
        began = time.perf_counter()
        replica = made.replica()
        envoys = start(made, replica, 1)
        with entrances(made, *envoys) as ways:
            milliseconds_until(lambda: serves(ways, f"model-{MODELS - 1}"))
            seconds = time.perf_counter() - began
            progress.note(f"served after {seconds:.1f} s; {busy()}")
            used = processor_time.seconds(replica.operator.process.pid)
            before = published(replica)
            policies(made, ways, CHANGES)
            after = published(replica)
            progress.note(f"{CHANGES} changes made; {busy()}")
            memory = [processor_time.resident_bytes(pid) for pid in (replica.operator.process.pid, envoys[0].pid)]
    yield (f"operator start → request answered, {MODELS} models", f"{seconds:.1f} s", f"≤ {WANTED_SECONDS} s")
    yield ("processor time of the operator until then", f"{used:.1f} s", "–")
    yield from rows(before, after)
    yield ("memory of the operator, of Envoy", ", ".join(f"{size / 1e6:.0f} MB" for size in memory), "–")


def rows(before: Published, after: Published) -> Iterator[Row]:
    """Yield what the changes between *before* and *after* cost, those to the fleets they are about included."""
    times = after.times - before.times
    mean = 1000 * (after.seconds - before.seconds) / times
    share = 100 * (after.in_time - before.in_time) / times
    yield ("a change to one of them compiled, rendered and put, mean", f"{mean:.1f} ms", f"≤ {WANTED_MILLISECONDS} ms")
    yield (f"the same, share within {WANTED_MILLISECONDS} ms", f"{share:.0f} %", "–")
    yield ("bytes that a change sends", f"{(after.sent_bytes - before.sent_bytes) / times:.0f}", f"≤ {WANTED_BYTES}")


def published(replica: Replica) -> Published:
    """Return what *replica* says of itself."""
    metric = replica.operator.metric
    return Published(
        times=metric(f"{PUBLISHED}_count"),
        seconds=metric(f"{PUBLISHED}_sum"),
        in_time=metric(f"{PUBLISHED}_bucket", le=str(WANTED_MILLISECONDS / 1000)),
        sent_bytes=replica.sent_bytes(),
    )
