"""Bring a lab up: everything that can start at the same time does."""

import json
import socket
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

from e2e.images import pause
from e2e.lab import (
    cgroups,
    control_plane,
    credentials,
    host,
    netns,
    network,
    node,
    processes,
    services,
    volumes,
    waiting,
)
from e2e.lab.errors import LabError
from e2e.lab.kube import Api
from e2e.lab.layout import NODE_NAME, Layout
from e2e.lab.node_shape import NodeShape, is_ready
from e2e.lab.processes import Component
from e2e.lab.progress import Progress

_API_SECONDS = 90
_NODE_SECONDS = 120
"""Limits for a machine that is busy with other things; a quiet one needs a tenth."""


class Extent(StrEnum):
    """How much of a cluster to start."""

    API = "api"  # etcd and API server
    CONTROL_PLANE = "control-plane"  # and the controllers and the scheduler
    NODE = "node"  # and a real node, services, DNS


@dataclass(frozen=True, slots=True)
class Request:
    """What a lab was asked to be."""

    extent: Extent = Extent.NODE
    audit: bool = True
    shape: NodeShape = field(default_factory=NodeShape)


def bring_up(layout: Layout, request: Request, *, binaries: Mapping[str, Path], progress: Progress) -> None:
    """Start every component that *request* needs and return when they are ready; the lab must not exist."""
    network.claim_slot(layout, progress=progress)
    host.remember()
    starter = _Starter(layout=layout, request=request, binaries=binaries, progress=progress)
    starter.foundations()
    with ThreadPoolExecutor() as pool:
        parts = [pool.submit(starter.control_plane)]
        if request.extent is Extent.NODE:
            parts.append(pool.submit(starter.runtime))
        for part in parts:
            part.result()
    if request.extent is Extent.NODE:
        starter.node()
    layout.ready_file.write_text(json.dumps(asdict(request)))


@dataclass(frozen=True, slots=True)
class _Starter:
    layout: Layout
    request: Request
    binaries: Mapping[str, Path]
    progress: Progress

    def foundations(self) -> None:
        with self.progress.step("network namespace, control groups, certificates; etcd started"):
            for directory in (self.layout.logs, self.layout.records):
                directory.mkdir(parents=True, exist_ok=True)
            cgroups.create(self.layout)
            network.create(self.layout)
            self._start(control_plane.etcd(self.layout, self.binaries["etcd"]))
            credentials.create(self.layout)

    def control_plane(self) -> None:
        with self.progress.step("API server ready"):
            server = self.binaries["kube-apiserver"]
            self._start(control_plane.api_server(self.layout, server, audit=self.request.audit))
            self._wait(
                Api.of(self.layout.kubeconfig).is_ready, what="readiness of the API server", seconds=_API_SECONDS
            )
        if self.request.extent is not Extent.API:
            self._start(control_plane.controller_manager(self.layout, self.binaries["kube-controller-manager"]))
            self._start(control_plane.scheduler(self.layout, self.binaries["kube-scheduler"]))
            self.progress.note("controller manager and scheduler started")

    def runtime(self) -> None:
        with self.progress.step("containerd ready, pause image imported"):
            self._start(node.containerd(self.layout, self.binaries["containerd"]))
            self._wait(self._containerd_answers, what="containerd's socket", seconds=_NODE_SECONDS)
            node.import_archive(self.layout, self.binaries["ctr"], pause.archive(node.PAUSE_IMAGE))

    def node(self) -> None:
        api = Api.of(self.layout.kubeconfig)
        with self.progress.step(f"node {NODE_NAME} ready with {self.request.shape.gpus} GPUs"):
            self._start(node.kubelet(self.layout, self.binaries["kubelet"], shape=self.request.shape))
            self._start(services.kube_proxy(self.layout, self.binaries["kube-proxy"]))
            self._start(services.coredns(self.layout, self.binaries["coredns"]))
            self._start(services.policy_agent(self.layout))
            for path, body in self._objects():
                api.create(path, body)
            self._wait(lambda: self._is_shaped(api), what="registration of the node", seconds=_NODE_SECONDS)
            self._wait(lambda: _is_ready(api), what="readiness of the node", seconds=_NODE_SECONDS)
        with self.progress.step("services and DNS ready"), netns.entered(self.layout):
            for url in services.HEALTH_URLS:
                self._wait(partial(_answers, url), what=f"an answer of {url}", seconds=_NODE_SECONDS)

    def _objects(self) -> list[tuple[str, dict[str, Any]]]:
        return [*self.request.shape.policy(), *services.dns_objects(), *volumes.objects(self.layout)]

    def _is_shaped(self, api: Api) -> bool:
        """Whether the node claims its size; writes the GPUs until the policy, once it holds, adds the rest."""
        found = api.get(f"/api/v1/nodes/{NODE_NAME}")
        if found is None:
            return False
        if self.request.shape.is_claimed_by(found):
            return True
        api.patch(f"/api/v1/nodes/{NODE_NAME}/status", self.request.shape.gpu_status)
        return False

    def _start(self, component: Component) -> None:
        processes.start(self.layout, component)

    def _wait(self, check: Callable[[], bool], *, what: str, seconds: float) -> None:
        waiting.until(lambda: self._all_alive() and check(), what=what, seconds=seconds, hint=f"see {self.layout.logs}")

    def _all_alive(self) -> bool:
        for record in processes.records(self.layout):
            if not processes.is_running(record):
                name = record.component.name
                tail = processes.log_tail(self.layout, name)
                raise LabError(f"{name} must run, it has ended; the end of {self.layout.log(name)}:\n{tail}")
        return True

    def _containerd_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.layout.containerd_socket)) == 0


def _is_ready(api: Api) -> bool:
    found = api.get(f"/api/v1/nodes/{NODE_NAME}") or {}
    # Pods need the default service account of their namespace, which the controller manager makes.
    return is_ready(found) and api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except (URLError, OSError):
        return False
