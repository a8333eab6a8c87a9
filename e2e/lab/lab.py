"""A running lab, as tests and the command line see it."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from e2e.lab import (
    audit,
    debian,
    fake_nodes,
    host,
    netns,
    network,
    node,
    processes,
    provision,
    start,
    stop,
    tools,
    waiting,
)
from e2e.lab.cluster import Cluster, binary
from e2e.lab.errors import LabError
from e2e.lab.fake_nodes import FakeNodes
from e2e.lab.kube import Api
from e2e.lab.layout import Layout
from e2e.lab.locks import exclusive
from e2e.lab.progress import Progress, silent
from e2e.lab.start import Extent, Request

__all__ = ["DEFAULT_NAME", "Lab", "binary", "is_up", "remove"]

DEFAULT_NAME = "lab"


@dataclass(frozen=True, slots=True)
class Lab:
    """A real cluster on this machine. Make one with `Lab.up`, or take the one that runs with `Lab.running`."""

    layout: Layout

    @classmethod
    def up(cls, *, name: str = DEFAULT_NAME, request: Request | None = None, progress: Progress | None = None) -> Self:
        """
        Return the lab called *name*, started if it does not run.

        A lab that is up is returned as it is, unless it has less than *request* asks: then LabError. One that is broken
        is removed first.
        """
        host.require_capable()
        layout, request, progress = Layout(name), request or Request(), progress or Progress()
        with exclusive(f"lab/{name}", progress=progress):
            if is_up(layout):
                _require_extent(layout, request.extent)
                progress.note(f"lab {name!r} is up already")
                return cls(layout)
            debian.ensure(debian.LAB_PACKAGES, progress=progress)
            binaries = provision.ensure(tools.named(_tools_of(request)), progress=progress)
            if stop.is_anything_left(layout):
                progress.note(f"removing what is left of lab {name!r}")
                stop.take_down(layout, progress=silent())
            start.bring_up(layout, request, binaries=binaries, progress=progress)
        progress.note(f"lab {name!r} is up; KUBECONFIG={layout.kubeconfig}")
        return cls(layout)

    @classmethod
    def running(cls, name: str = DEFAULT_NAME) -> Self:
        """Return the lab called *name*; LabError when it is not up."""
        layout = Layout(name)
        if not is_up(layout):
            raise LabError(f"lab {name!r} must be up; run `python -m e2e.lab up --name {name}`")
        return cls(layout)

    def down(self, *, progress: Progress | None = None) -> None:
        """Remove the lab and everything it left on the machine; nothing happens when there is none."""
        remove(self.layout, progress=progress or Progress())

    @property
    def kubeconfig(self) -> Path:
        """Works from the machine itself, outside the lab's network namespace."""
        return self.layout.kubeconfig

    @property
    def cluster(self) -> Cluster:
        """The lab as any other cluster."""
        return Cluster(self.kubeconfig)

    @property
    def environment(self) -> dict[str, str]:
        """The environment for programs that talk to the lab's API server."""
        return self.cluster.environment

    @property
    def api(self) -> Api:
        """A minimal client of the lab's API server, as cluster administrator."""
        return Api.of(self.kubeconfig)

    def writes_position(self) -> int:
        """Return a mark for `writes`: everything written to the API server so far is before it."""
        return audit.position(self.layout.audit_log)

    def writes(self, *, after: int = 0) -> list[audit.Write]:
        """Return every write that the API server answered after the mark, whoever sent it."""
        return audit.writes(self.layout.audit_log, after=after)

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Return what kubectl prints for *arguments*; LabError with its complaint when it fails and *check* is set."""
        return self.cluster.kubectl(*arguments, stdin=stdin, check=check)

    def run_in(self, argv: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run *argv* where pod and service addresses answer, and return it with its output as text."""
        return netns.run_in(self.layout, argv, check=check)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Move the calling thread to where pod and service addresses answer, while the body runs."""
        with netns.entered(self.layout):
            yield

    def add_outside(self, host: str) -> str:
        """Return the address at which pods find *host*, as if it were outside; who listens there is the caller's."""
        return network.add_outside(self.layout, host)

    def load_image(self, archive: Path) -> None:
        """Give the node the images in the docker-save *archive*, under the names written in it."""
        node.import_archive(self.layout, binary("ctr"), archive)

    def add_fake_nodes(self, nodes: FakeNodes, *, progress: Progress | None = None) -> None:
        """Add nodes that only claim to run their pods, and return when all are Ready."""
        kwok = provision.ensure(tools.named(("kwok",)), progress=progress or Progress())["kwok"]
        fake_nodes.add(self.layout, nodes, kwok=kwok)

    def stop(self, component: str, *, seconds: float = 10) -> None:
        """End a component such as ``kube-apiserver``; SIGKILL after *seconds*."""
        processes.stop(processes.recorded(self.layout, component), seconds=seconds)

    def start(self, component: str) -> None:
        """Start a stopped component again; returns before it is ready."""
        processes.restart(self.layout, component)

    def wait_until_ready(self, *, seconds: float = 60) -> None:
        """Return once the API server answers and its start-up work is done; LabError after *seconds*."""
        waiting.until(self.api.is_ready, what="readiness of the API server", seconds=seconds)


def is_up(layout: Layout) -> bool:
    """Whether the lab was brought up to its end and every component still runs."""
    if not layout.ready_file.exists():
        return False
    return all(processes.is_running(record) for record in processes.records(layout))


def remove(layout: Layout, *, progress: Progress) -> None:
    """Remove the lab and everything it left on the machine; says so when there is none."""
    host.require_capable()
    with exclusive(f"lab/{layout.name}", progress=progress):
        if not stop.is_anything_left(layout):
            progress.note(f"lab {layout.name!r} is not there")
            return
        stop.take_down(layout, progress=progress)


def _require_extent(layout: Layout, wanted: Extent) -> None:
    there = Extent(json.loads(layout.ready_file.read_text())["extent"])
    order = list(Extent)
    if order.index(there) < order.index(wanted):
        advice = f"end it with `python -m e2e.lab down --name {layout.name}`, or take another name"
        raise LabError(f"lab {layout.name!r} must be up as {wanted.value!r}, it is up as {there.value!r}; {advice}")


def _tools_of(request: Request) -> tuple[str, ...]:
    return tools.NODE if request.extent is Extent.NODE else tools.API
