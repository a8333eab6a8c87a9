"""The configuration server with one real Envoy: cold, changed, and restarted with nothing changed."""

import asyncio
import statistics
import time
from collections.abc import Iterator

from e2e.lab import Progress
from tests.envoy.envoy_process import until
from tests.envoy.xds_world import (
    Replica,
    Resources,
    World,
    acknowledged,
    assignment,
    fleet,
    merged,
    responses_sent,
    world,
)

from modelfleet.gateway.schema.type_urls import EDS

FLEETS = 1000
CHANGES = 50
READY_SECONDS = 120


def run(progress: Progress) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the table."""
    yield from asyncio.run(measure(progress))


async def measure(progress: Progress) -> list[tuple[str, str, str]]:
    """Serve `FLEETS` fleets to one Envoy on loopback."""
    async with world() as w:
        content = w.base(*(f"ns/m{number}" for number in range(FLEETS)))
        replica = await w.replica()
        started = time.perf_counter()
        prepared = await asyncio.to_thread(replica.server.prepare, content)
        prepared_seconds = time.perf_counter() - started
        replica.server.put_prepared((1, 1), prepared)
        await until(w.envoy.is_ready, "Envoy is ready", within=READY_SECONDS)
        await acknowledged(replica.server, content)
        ready_seconds = time.perf_counter() - started
        progress.note(f"{FLEETS} fleets served")
        moved = [{EDS: {f"ns/m{number}": assignment(f"ns/m{number}", w.b)}} for number in range(CHANGES)]
        added = [fleet(f"new/m{number}", w.a) for number in range(CHANGES)]
        endpoint = await change(replica, 2, moved)
        addition = await change(replica, 3, added)
        sent, in_sync = await restart(w, replica, merged(content, *moved, *added))
    return [
        (f"{FLEETS} fleets: resources built", f"{prepared_seconds:.1f} s", "–"),
        (f"{FLEETS} fleets: cold Envoy is ready and has acknowledged all", f"{ready_seconds:.1f} s", "–"),
        ("endpoint changed and acknowledged, p50 / max", endpoint, "–"),
        ("fleet added and acknowledged, p50 / max", addition, "–"),
        ("restart with the same content: responses sent", f"{sent:.0f}", "0"),
        ("restart with the same content: in sync", f"{in_sync:.2f} s", "–"),
    ]


async def change(replica: Replica, generation: int, changes: list[Resources]) -> str:
    """Put one change after the other, and return how long it took until each was acknowledged."""
    milliseconds = []
    for number, each in enumerate(changes):
        started = time.perf_counter()
        replica.server.put((generation, number), each)
        await acknowledged(replica.server, each)
        milliseconds.append((time.perf_counter() - started) * 1000)
    return f"{statistics.median(milliseconds):.0f} / {max(milliseconds):.0f} ms"


async def restart(w: World, replica: Replica, content: Resources) -> tuple[float, float]:
    """Return how many responses a new server with the same content sent, and its seconds until all is known."""
    before = responses_sent()
    await replica.server.stop()
    again = await w.replica((4, 0), content)
    started = time.perf_counter()
    await acknowledged(again.server, content)
    return responses_sent() - before, time.perf_counter() - started
