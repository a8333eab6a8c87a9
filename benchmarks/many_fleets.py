"""
1,000 fleets created at once, against plain applies of the same writes on the same API server, in one run.

The baseline applies what the operator would apply (children, `/scale`, one status) with 16 in flight, in a namespace of
its own where the operator does not look. Both create the fleets first, outside the measured time of the baseline and
inside that of the operator.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from e2e.lab import Lab, Progress

from benchmarks.stage import NAMESPACE, Json, Row, cluster, connected, fleet, in_parallel, operator, wait_until
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
WANTED_MEGABYTES = 300


def run(progress: Progress) -> Iterator[Row]:
    """Yield the ratio of the two times, both times, and the operator's memory."""
    with cluster("bench-many", gpus=2 * COUNT, progress=progress) as lab:
        lab.kubectl("create", "namespace", BASELINE)
        baseline = connected(lab, apply_plainly)
        progress.note(f"plain applies of {COUNT} fleets took {baseline:.1f} s")
        with operator(lab) as process:
            started = time.perf_counter()
            connected(lab, lambda client: create(client, NAMESPACE))
            created = time.perf_counter() - started
            wait_until(lambda: is_applied(lab), seconds=900, what="every fleet is applied")
            seconds = time.perf_counter() - started
            megabytes = peak_megabytes(process.pid)
    ratio = seconds / baseline
    yield (f"{COUNT} fleets created at once ÷ plain applies", f"{ratio:.2f}", f"≤ {WANTED_RATIO}")
    yield ("the operator, creation of the fleets included", f"{seconds:.1f} s (creation {created:.1f} s)", "–")
    yield ("16 concurrent plain applies of the same writes", f"{baseline:.1f} s", "–")
    yield ("peak memory of the operator", f"{megabytes:.0f} MB", f"≤ {WANTED_MEGABYTES} MB")


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


def is_applied(lab: Lab) -> bool:
    """Return whether every fleet has a status, and its Deployment a size."""
    selector, one = "app.kubernetes.io/managed-by=modelfleet", "{.items[*].spec.replicas}"
    sizes = lab.kubectl("get", "deployments", "-n", NAMESPACE, "-l", selector, "-o", f"jsonpath={one}").split()
    seen = lab.kubectl("get", "mdep", "-n", NAMESPACE, "-o", "jsonpath={.items[*].status.observedGeneration}").split()
    return sizes == ["1"] * COUNT and len(seen) == COUNT


def peak_megabytes(pid: int) -> float:
    """Return the largest resident size a process has had (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) / 1000
