"""How often a request meets a replica that has its prefix in the cache, with affinity and without."""

import asyncio
import json
import random
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from e2e.lab import Progress
from tests.envoy.envoy_process import LOOPBACK
from tests.gateway.objects import caching, fleet, policy

from benchmarks.gateway.load import request
from benchmarks.gateway.stand import Through, busy, engines, gateway
from benchmarks.stage import Row

REPLICAS = 8
PREFIXES = 300
PREFIX_BYTES = 600
REQUESTS = 3000
AT_ONCE = 48
SERVICE_SECONDS = 0.06
RUNS = 5
WANTED_PERCENT = 88
WANTED_BUSIEST = 1.6
REPLICA = re.compile(rb"\r\nx-replica: *(\d+)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Spread:
    """Where requests went."""

    hits_percent: float
    """hits_percent is the part of requests on a replica that had a request with that prefix before."""
    most_percent: float
    """most_percent is what it could be at most: each prefix is new once."""
    busiest: float
    """busiest is what the busiest replica got, as a multiple of the mean."""


def run(progress: Progress) -> Iterator[Row]:
    """Yield the part of requests that meet their prefix, and the load of the busiest replica."""
    with ExitStack() as running:
        pods = running.enter_context(engines(REPLICAS, delay=SERVICE_SECONDS))
        found = {}
        for key in ("", "Prefix"):
            way = running.enter_context(gateway(objects(key), {"models/llama": pods}, replicas=1, authRequired=False))
            found[key] = [asyncio.run(spread(way, seed)) for seed in range(RUNS)]
            progress.note(f"affinity {key or 'none'}: {found[key]}; {busy()}")
    yield from rows(found[""], found["Prefix"])


def objects(key: str) -> list[Any]:
    """Return the objects of one model, with affinity by *key* or, where that is empty, without."""
    return [fleet(), policy(), *([caching("llama", affinity={"key": key})] if key else [])]


async def spread(way: Through, seed: int) -> Spread:
    """Return how requests whose prefixes are distributed as Zipf says (s = 1) spread over the replicas."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / rank for rank in range(1, PREFIXES + 1)))
    prefixes = chance.choices(range(PREFIXES), cum_weights=weights, k=REQUESTS)
    waiting = iter(enumerate(prefixes))
    seen: set[tuple[int, int]] = set()
    hits, by_replica = 0, Counter[int]()

    async def worker() -> None:
        nonlocal hits
        reader, writer = await asyncio.open_connection(LOOPBACK, way.port)
        for number, prefix in waiting:
            writer.write(question(seed, prefix, number))
            replica = await answering_replica(reader)
            hits += (replica, prefix) in seen
            seen.add((replica, prefix))
            by_replica[replica] += 1
        writer.close()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return Spread(
        hits_percent=100 * hits / REQUESTS,
        most_percent=100 * (REQUESTS - len(set(prefixes))) / REQUESTS,
        busiest=max(by_replica.values()) * REPLICAS / REQUESTS,
    )


def question(seed: int, prefix: int, number: int) -> bytes:
    """Return a request that has its first bytes in common with all others of its prefix, and nothing else."""
    text = f"You are assistant {seed}-{prefix}. ".ljust(PREFIX_BYTES, ".")
    messages = [{"role": "system", "content": text}, {"role": "user", "content": f"Question {number}?"}]
    return request("/v1/chat/completions", json.dumps({"model": "chat", "messages": messages}).encode(), {})


async def answering_replica(reader: asyncio.StreamReader) -> int:
    """Return the port of the replica that gave the next answer, which must be a 200."""
    head = await reader.readuntil(b"\r\n\r\n")
    replica, length = REPLICA.search(head), LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 200") or not replica or not length:
        raise ValueError(f"every request must be answered by a replica, found {head!r}")
    await reader.readexactly(int(length[1]))
    return int(replica[1])


def rows(without: list[Spread], affine: list[Spread]) -> Iterator[Row]:
    """Yield the rows: medians of the runs, with the range they are in."""
    possible = min(one.most_percent for one in affine)
    yield (
        f"requests on a replica that has the prefix, {REPLICAS} replicas (possible {possible:.1f} %)",
        f"{ranged([one.hits_percent for one in affine], '.1f')} %",
        f"≥ {WANTED_PERCENT} %",
    )
    yield ("the same without affinity", f"{ranged([one.hits_percent for one in without], '.1f')} %", "67 %")
    yield ("busiest replica ÷ mean", ranged([one.busiest for one in affine], ".2f"), f"≤ {WANTED_BUSIEST}")


def ranged(values: list[float], how: str) -> str:
    """Return the median of *values*, and the least and the greatest."""
    return f"{statistics.median(values):{how}} ({min(values):{how}}–{max(values):{how}})"
