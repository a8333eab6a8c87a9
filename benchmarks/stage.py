"""What every benchmark needs: a control plane with fake nodes, CRDs, the operator as a process, and many fleets."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from e2e.lab import Extent, FakeNodes, Lab, Progress, Request
from e2e.lab.fake_nodes import TAINT

from modelfleet.controller.cluster.client import Cluster

CRDS = Path(__file__).parents[1] / "crds"
OPERATOR_NAMESPACE = "modelfleet-system"
NAMESPACE = "bench"
PORT = 18081
GPUS_PER_NODE = 8
CONCURRENCY = 16
POLL_SECONDS = 0.25

Json = dict[str, Any]
Row = tuple[str, str, str]


@contextmanager
def cluster(name: str, *, gpus: int, progress: Progress) -> Iterator[Lab]:
    """A control plane with the CRDs and fake nodes for *gpus* accelerators; gone afterwards."""
    lab = Lab.up(name=name, request=Request(extent=Extent.CONTROL_PLANE), progress=progress)
    try:
        lab.kubectl("apply", "--server-side", "--filename", str(CRDS))
        lab.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        for namespace in (OPERATOR_NAMESPACE, NAMESPACE):
            lab.kubectl("create", "namespace", namespace)
        lab.add_fake_nodes(FakeNodes(-(-gpus // GPUS_PER_NODE)), progress=progress)
        yield lab
    finally:
        lab.down(progress=progress)


@contextmanager
def operator(lab: Lab) -> Iterator[subprocess.Popen[bytes]]:
    """The operator as a process of this machine, leading when the context opens."""
    settings = {
        "MODELFLEET_KUBECONFIG": str(lab.kubeconfig),
        "MODELFLEET_HTTP_PORT": str(PORT),
        "MODELFLEET_POD_NAME": "bench",
        "MODELFLEET_WATCH_NAMESPACES": NAMESPACE,
        "MODELFLEET_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([Path(sys.executable).with_name("modelfleet"), "run"], env=os.environ | settings)
    try:
        wait_until(lambda: metric("modelfleet_leader ") == 1, seconds=60, what="the operator leads")
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def metric(name: str) -> float | None:
    """Return the sum of the operator's series that begin with *name*, or None while it does not answer."""
    return total(metrics_page(), name)


def metrics_page() -> str:
    """Return all that the operator says of itself, empty while it does not answer; it costs the operator some 50 ms."""
    try:
        return httpx.get(f"http://127.0.0.1:{PORT}/metrics", timeout=5).text
    except httpx.HTTPError:
        return ""


def total(page: str, name: str) -> float | None:
    """Return the sum of the series on *page* that begin with *name*, or None where there are none."""
    values = [float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(name)]
    return sum(values) if values else None


def fleet(name: str, *, namespace: str = NAMESPACE) -> Json:
    """Return a small fleet that runs on the fake nodes."""
    toleration = {"key": TAINT["key"], "operator": "Exists"}
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"source": "hf://Qwen/Qwen3-8B", "revision": "main"},
            "hardware": {"accelerator": "nvidia-h100-80gb", "tolerations": [toleration]},
        },
    }


async def in_parallel(jobs: Iterable[Callable[[], Awaitable[Any]]], *, at_once: int = CONCURRENCY) -> None:
    """Run *jobs*, *at_once* of them at a time."""
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            await job()

    await asyncio.gather(*(worker() for _ in range(at_once)))


def connected(lab: Lab, work: Callable[[Cluster], Awaitable[Any]]) -> Any:
    """Run *work* with a client of the lab's API server."""

    async def run() -> Any:
        client = await Cluster.connect(lab.kubeconfig)
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())


def wait_until(holds: Callable[[], bool], *, seconds: float, what: str, every: float = POLL_SECONDS) -> None:
    """Return once *holds* does, asked *every* so many seconds; TimeoutError after *seconds*."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"within {seconds:g} s it must hold that {what}")
        time.sleep(every)
