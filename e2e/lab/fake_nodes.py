"""Nodes that only claim to run their pods: kwok, beside the real node."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.lab import processes, waiting
from e2e.lab.kube import Api
from e2e.lab.layout import Layout
from e2e.lab.node_shape import NodeShape, is_ready
from e2e.lab.processes import Component

TAINT = {"key": "modelfleet.dev/fake", "value": "true", "effect": "NoSchedule"}
"""Keeps pods that must really run away; a toleration invites the others."""

_STAGES = Path(__file__).with_name("kwok-stages.yaml")
_MARK = "kwok.x-k8s.io/node"
_POD_RANGE = "10.245.0.0/16"
"""Addresses that fake pods show and nobody has."""
_PARALLEL_REQUESTS = 8
_READY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class FakeNodes:
    """How many, and of which kind; named ``fake-0`` and up."""

    count: int
    shape: NodeShape = field(default_factory=NodeShape)
    tainted: bool = True

    def objects(self) -> list[dict[str, Any]]:
        """Return the Node objects."""
        return [self._node(f"fake-{index}") for index in range(self.count)]

    def _node(self, name: str) -> dict[str, Any]:
        size = {**self.shape.resources, "pods": "1000"}
        labels = {"kubernetes.io/hostname": name, "modelfleet.dev/fake": "true", **self.shape.labels}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": {_MARK: "fake"}, "labels": labels},
            "spec": {"taints": [TAINT] if self.tainted else []},
            "status": {"capacity": size, "allocatable": size},
        }


def add(layout: Layout, nodes: FakeNodes, *, kwok: Path) -> None:
    """Create *nodes*, leaving those that exist as they are, and return when all are Ready."""
    _start_kwok(layout, kwok)
    api = Api.of(layout.kubeconfig)
    with ThreadPoolExecutor(_PARALLEL_REQUESTS) as pool:
        list(pool.map(lambda body: api.create("/api/v1/nodes", body), nodes.objects()))
    waiting.until(
        lambda: ready_count(api, {"modelfleet.dev/fake": "true"}) >= nodes.count,
        what=f"readiness of {nodes.count} fake nodes",
        seconds=_READY_SECONDS,
        hint=f"see {layout.log('kwok')}",
    )


def ready_count(api: Api, labels: Mapping[str, str]) -> int:
    """Return how many nodes with *labels* are Ready."""
    selector = "%2C".join(f"{key}%3D{value}" for key, value in labels.items())
    nodes = (api.get(f"/api/v1/nodes?labelSelector={selector}") or {"items": []})["items"]
    return sum(is_ready(node) for node in nodes)


def _start_kwok(layout: Layout, binary: Path) -> None:
    flags = (
        f"--kubeconfig={layout.inner_kubeconfig}",
        f"--config={_STAGES}",
        f"--manage-nodes-with-annotation-selector={_MARK}=fake",
        "--node-lease-duration-seconds=40",
        f"--cidr={_POD_RANGE}",
    )
    component = Component("kwok", (str(binary), *flags))
    if any(record.component == component and processes.is_running(record) for record in processes.records(layout)):
        return
    processes.start(layout, component)
