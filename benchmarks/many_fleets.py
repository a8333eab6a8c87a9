"""
1,000 fleets created at once, against plain applies of the same writes on the same API server, in one run.

The baseline applies what the operator would apply (children, `/scale`, one status) with 16 in flight, in a namespace of
its own where the operator does not look. Both create the fleets first, outside the measured time of the baseline and
inside that of the operator.
"""

import datetime as dt
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from e2e.lab import Lab, Progress

from benchmarks.stage import (
    NAMESPACE,
    Json,
    Row,
    cluster,
    connected,
    fleet,
    in_parallel,
    metrics_page,
    operator,
    total,
    wait_until,
)
from modelfleet.api.catalogue import load_catalogue
from modelfleet.api.platform import Platform
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.resources import DEPLOYMENTS
from modelfleet.controller.reconcile.compile import RESOURCES
from modelfleet.controller.watched import FLEETS
from modelfleet.workload.children.compile import children
from modelfleet.workload.plan import Plan, Setting, plan

COUNT = 1000
BASELINE = "plain"
WANTED_RATIO = 1.5
LAST_WRITES = ("deployments/scale", "modeldeployments/status")
FIRST_FAILURE = 300
WANTED_MEGABYTES = 300
REST_POLL_SECONDS = 5.0
"""Asking the operator costs it time; the time that counts is in the API server's audit log."""


def run(progress: Progress) -> Iterator[Row]:
    """Yield the ratio of the two times, both times, and the operator's memory."""
    with cluster("bench-many", gpus=2 * COUNT, progress=progress) as lab:
        lab.kubectl("create", "namespace", BASELINE)
        baseline = connected(lab, apply_plainly)
        progress.note(f"plain applies of {COUNT} fleets took {baseline:.1f} s")
        wait_until(
            lambda: pods_served(lab, BASELINE), seconds=900, what="the cluster has caught up", every=REST_POLL_SECONDS
        )
        progress.note("their pods serve: what the baseline left to do is not charged to the operator")
        with operator(lab) as process:
            position, started = lab.writes_position(), dt.datetime.now(dt.UTC)
            connected(lab, lambda client: create(client, NAMESPACE))
            created = (dt.datetime.now(dt.UTC) - started).total_seconds()
            wait_until(is_at_rest, seconds=900, what="the operator has nothing left to do", every=REST_POLL_SECONDS)
            megabytes = peak_megabytes(process.pid)
        seconds = (last_first_write(lab, position) - started).total_seconds()
    ratio = seconds / baseline
    yield (f"{COUNT} fleets created at once ÷ plain applies", f"{ratio:.2f}", f"≤ {WANTED_RATIO}")
    yield ("the operator, creation of the fleets included", f"{seconds:.1f} s (creation {created:.1f} s)", "–")
    yield ("16 concurrent plain applies of the same writes", f"{baseline:.1f} s", "–")
    yield ("peak memory of the operator", f"{megabytes:.0f} MB", f"≤ {WANTED_MEGABYTES} MB")


def is_at_rest() -> bool:
    """Return whether every fleet was reported on at least once, and no key waits or is worked on."""
    page = metrics_page()
    reported = total(page, 'modelfleet_api_requests_total{code="200",resource="modeldeployments",verb="patch"}') or 0
    return reported >= COUNT and not total(page, "modelfleet_queue_depth") and not total(page, "modelfleet_queue_busy")


def pods_served(lab: Lab, namespace: str) -> bool:
    """Return whether every Deployment in *namespace* has its replicas."""
    ready = lab.kubectl(
        "get", "deployments", "--namespace", namespace, "--output", "jsonpath={.items[*].status.readyReplicas}"
    )
    return len(ready.split()) == COUNT


def last_first_write(lab: Lab, position: int) -> dt.datetime:
    """Return when the last fleet had its size and its first status, from the API server's audit log."""
    first: dict[tuple[str, str], dt.datetime] = {}
    for write in lab.writes(after=position):
        if write.namespace == NAMESPACE and write.resource in LAST_WRITES and write.status < FIRST_FAILURE:
            first.setdefault((write.resource, write.name), dt.datetime.fromisoformat(write.time))
    if len(first) != COUNT * len(LAST_WRITES):
        raise ValueError(f"{COUNT} fleets must have had {' and '.join(LAST_WRITES)} written, found {len(first)} writes")
    return max(first.values())


async def create(client: Cluster, namespace: str) -> None:
    """Create the fleets in *namespace*."""
    fleets = (fleet(f"fleet-{i}", namespace=namespace) for i in range(COUNT))
    await in_parallel(partial(client.create, FLEETS, obj, manager="bench") for obj in fleets)


async def apply_plainly(client: Cluster) -> float:
    """Return the seconds that 16 concurrent applies of all writes take."""
    await create(client, BASELINE)
    setting = Setting(Platform(), load_catalogue())
    compiled = [compiled_children(raw, setting) for raw in (await client.list(FLEETS, BASELINE)).items]
    started = time.perf_counter()
    await in_parallel(partial(apply_one, client, parts) for parts in compiled)
    return time.perf_counter() - started


def compiled_children(raw: Json, setting: Setting) -> tuple[Json, ...]:
    """Return the children of one fleet."""
    planned = plan(ModelDeployment.model_validate(raw), None, setting)
    if not isinstance(planned, Plan):
        raise TypeError(f"the benchmark's fleet must be accepted, found {planned}")
    return children(planned)


async def apply_one(client: Cluster, parts: tuple[Json, ...]) -> None:
    """Write what the operator would write for one fleet."""
    for child in parts:
        obj = child if child["kind"] != "Deployment" else child | {"spec": child["spec"] | {"replicas": 0}}
        await client.apply(RESOURCES[child["kind"]], obj, manager="plain")
    meta = {key: parts[-1]["metadata"][key] for key in ("name", "namespace")}
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": meta, "spec": {"replicas": 1}}
    await client.apply(DEPLOYMENTS, scale, manager="plain-scale", subresource="scale")
    status = {"status": {"observedGeneration": 1, "replicas": 1, "selector": f"modelfleet.dev/fleet={meta['name']}"}}
    await client.merge_patch(FLEETS, BASELINE, meta["name"], status, manager="plain", subresource="status")


def peak_megabytes(pid: int) -> float:
    """Return the largest resident size a process has had (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1000
