"""What a lab looks like from outside."""

from e2e.lab import processes, stop
from e2e.lab.kube import Api
from e2e.lab.lab import is_up
from e2e.lab.layout import Layout
from e2e.lab.node_shape import is_ready


def describe(layout: Layout) -> tuple[list[str], bool]:
    """Return lines for people about the lab, and whether it is up with every component running."""
    if not stop.is_anything_left(layout):
        return [f"lab {layout.name!r} is not there"], False
    lines = [_component_line(layout, record) for record in processes.records(layout)]
    if not is_up(layout):
        return [f"lab {layout.name!r} is broken; `up` will replace it", *lines], False
    return [f"lab {layout.name!r} is up; KUBECONFIG={layout.kubeconfig}", *lines, *_node_lines(layout)], True


def _component_line(layout: Layout, record: processes.Record) -> str:
    state = f"pid {record.pid}" if processes.is_running(record) else "ended"
    return f"  {record.component.name:26} {state:12} {layout.log(record.component.name)}"


def _node_lines(layout: Layout) -> list[str]:
    nodes = (Api.of(layout.kubeconfig).get("/api/v1/nodes") or {})["items"]
    ready = sum(is_ready(node) for node in nodes)
    gpus = sum(int(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) for node in nodes)
    return [f"  {ready} of {len(nodes)} nodes ready, {gpus} GPUs"]
