"""Writes of an operator that has nothing to do: after a restart, and over 11 minutes."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

from e2e.lab import Lab, Progress

from benchmarks.stage import NAMESPACE, Row, cluster, connected, fleet, in_parallel, metric, operator, wait_until
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.watched import FLEETS

COUNT = 200
IDLE_SECONDS = 11 * 60
USER_AGENT = "modelfleet"
SETTLED_SECONDS = 15


def run(progress: Progress) -> Iterator[Row]:
    """Yield the number of writes, the Lease's left out; they are counted in the API server's audit log."""
    with cluster("bench-idle", gpus=COUNT, progress=progress) as lab:
        with operator(lab):
            connected(lab, create)
            wait_until(lambda: ready(lab) == COUNT, seconds=180, what="all fleets are Ready")
            settle(lab)
        before = lab.writes_position()
        with operator(lab):
            settle(lab)
            restarted = writes(lab, before)
            progress.note(f"restarted: {restarted}; now idle for {IDLE_SECONDS // 60} minutes")
            before = lab.writes_position()
            asyncio.run(asyncio.sleep(IDLE_SECONDS))
            idle = writes(lab, before)
    yield (f"writes of a restarted operator, {COUNT} fleets", str(restarted.total()), "0 but the Lease")
    yield (f"writes in {IDLE_SECONDS // 60} idle minutes, {COUNT} fleets", str(idle.total()), "0 but the Lease")


async def create(client: Cluster) -> None:
    """Create the fleets."""
    fleets = (fleet(f"fleet-{i}") for i in range(COUNT))
    await in_parallel(partial(client.create, FLEETS, obj, manager="bench") for obj in fleets)


def ready(lab: Lab) -> int:
    """Return how many fleets are Ready."""
    path = "{.items[*].status.conditions[?(@.type=='Ready')].status}"
    return lab.kubectl("get", "mdep", "-n", NAMESPACE, "-o", f"jsonpath={path}").split().count("True")


def settle(lab: Lab) -> None:
    """Return when the queue has been empty, and nothing was written, for a while."""
    deadline = time.monotonic() + SETTLED_SECONDS
    position = lab.writes_position()
    while time.monotonic() < deadline:
        asyncio.run(asyncio.sleep(1))
        if metric("modelfleet_queue_depth") or writes(lab, position):
            position, deadline = lab.writes_position(), time.monotonic() + SETTLED_SECONDS


def writes(lab: Lab, position: int) -> Counter[str]:
    """Return what the operator wrote after *position*, by verb and resource, without the Lease."""
    found = (write for write in lab.writes(after=position) if write.user_agent.startswith(USER_AGENT))
    return Counter(f"{write.verb} {write.resource}" for write in found if write.resource != "leases")
