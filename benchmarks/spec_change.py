"""From the API server's answer to a spec change until the Deployment is updated, with 100 fleets."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from functools import partial

from e2e.lab import Lab, Progress

from benchmarks.stage import NAMESPACE, Row, cluster, connected, fleet, in_parallel, operator, wait_until
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.resources import DEPLOYMENTS
from modelfleet.controller.watched import FLEETS

COUNT = 100
CHANGES = 60
WANTED_MILLISECONDS = 150


def run(progress: Progress) -> Iterator[Row]:
    """Yield the median and the 95th percentile."""
    with cluster("bench-change", gpus=COUNT, progress=progress) as lab, operator(lab):
        connected(lab, create)
        wait_until(lambda: all_ready(lab), seconds=120, what="all fleets are Ready")
        milliseconds = sorted(connected(lab, change_many))
        progress.note(f"{CHANGES} changes measured")
    yield (
        f"spec change → Deployment updated, {COUNT} fleets, median",
        f"{statistics.median(milliseconds):.0f} ms",
        f"≤ {WANTED_MILLISECONDS} ms",
    )
    yield ("the same, 95th percentile", f"{milliseconds[int(0.95 * len(milliseconds))]:.0f} ms", "–")


async def create(client: Cluster) -> None:
    """Create the fleets."""
    fleets = (fleet(f"fleet-{i}") for i in range(COUNT))
    await in_parallel(partial(client.create, FLEETS, obj, manager="bench") for obj in fleets)


def all_ready(lab: Lab) -> bool:
    """Return whether every fleet is Ready."""
    path = "{.items[*].status.conditions[?(@.type=='Ready')].status}"
    return lab.kubectl("get", "mdep", "-n", NAMESPACE, "-o", f"jsonpath={path}").split() == ["True"] * COUNT


async def change_many(client: Cluster) -> list[float]:
    """Return the milliseconds of each of a number of changes, one after another."""
    updates: asyncio.Queue[tuple[str, list[str]]] = asyncio.Queue()
    watch = asyncio.create_task(watch_arguments(client, updates))
    try:
        return [await change(client, updates, f"fleet-{i % COUNT}", 100 + i) for i in range(CHANGES)]
    finally:
        watch.cancel()


async def watch_arguments(client: Cluster, updates: asyncio.Queue[tuple[str, list[str]]]) -> None:
    """Put the name and the engine's arguments of every Deployment that changes on *updates*."""
    version = (await client.list(DEPLOYMENTS, NAMESPACE)).resource_version
    url = f"{client.server}{DEPLOYMENTS.path(NAMESPACE)}?watch=true&resourceVersion={version}"
    async with client.open_session() as session, session.get(url) as events:
        async for line in events.content:
            deployment = json.loads(line)["object"]
            arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
            updates.put_nowait((deployment["metadata"]["name"], arguments))


async def change(client: Cluster, updates: asyncio.Queue[tuple[str, list[str]]], name: str, sequences: int) -> float:
    """Change one fleet's spec, and return the milliseconds until its Deployment says so."""
    patch = {"spec": {"engine": {"maxNumSeqs": sequences}}}
    await client.merge_patch(FLEETS, NAMESPACE, name, patch, manager="bench")
    answered = time.perf_counter()
    while True:
        changed, arguments = await updates.get()
        if changed == name and str(sequences) in arguments:
            return 1000 * (time.perf_counter() - answered)
