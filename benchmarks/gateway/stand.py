"""What the gateway's benchmarks stand on: engines and loads as processes, and the Envoy between them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.apiserver.control_plane import WITH_PARENT
from tests.envoy.envoy_process import LOOPBACK, Envoy, free_ports
from tests.envoy.routing import everything
from tests.gateway.objects import lowered

from modelfleet.gateway import ir, render
from modelfleet.gateway.render.bootstrap import static_bootstrap
from modelfleet.gateway.render.listeners import Ports

ENGINE = "benchmarks.gateway.mock_engine"
LOAD = "benchmarks.gateway.load"
START_SECONDS = 60
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Through:
    """A way to the engines."""

    pid: int
    port: int
    envoy: Envoy


@contextmanager
def engines(count: int, **options: float) -> Iterator[list[int]]:
    """Yield the ports of *count* replicas, all in one process; *options* are those of the mock engine."""
    ports = free_ports(count)
    process = subprocess.Popen([*WITH_PARENT, *_module(ENGINE, "--port", *map(str, ports), *_flags(options))])
    try:
        for port in ports:
            await_listening(port)
        yield ports
    finally:
        process.kill()
        process.wait()


def load(port: int, **options: Any) -> dict[str, Any]:
    """Return what a load says of itself at the end; *options* are those of `load`."""
    done = subprocess.run(_module(LOAD, "--port", str(port), *_flags(options)), check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def through(bootstrap: Mapping[str, Any], port: int, *, concurrency: int = 1) -> Iterator[Through]:
    """Yield an Envoy with *bootstrap*, which listens on *port*."""
    with Envoy(bootstrap, concurrency=concurrency) as envoy:
        envoy.await_ready()
        yield Through(envoy.pid, port, envoy)


@contextmanager
def gateway(
    objects: Sequence[Any], pods: Mapping[str, Sequence[int]], *, concurrency: int = 1, **fields: Any
) -> Iterator[Through]:
    """Yield an Envoy that does what *objects* say; *pods* are the ports of the replicas by fleet, *fields* settings."""
    served = lowered(*objects, **fields).gateway
    port, sink = free_ports(2)
    with through(of(served, pods, port=port, sink=sink), port, concurrency=concurrency) as way:
        yield way


def of(served: ir.Gateway, pods: Mapping[str, Sequence[int]], *, port: int, sink: int) -> dict[str, Any]:
    """Return the bootstrap that serves *served* on *port*."""
    ports = Ports(gateway=port, sink=sink)
    ready = {name: tuple(ir.Address(LOOPBACK, pod) for pod in found) for name, found in pods.items()}
    resources = everything(served, render.Replicas(pods=ready), render.Place(ports=ports))
    return static_bootstrap(served, resources, ports=ports, address=LOOPBACK)


def await_listening(port: int) -> None:
    """Return once somebody listens on *port*; TimeoutError if nobody ever does."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"somebody must listen on port {port} within {START_SECONDS} s, found nobody")
        time.sleep(POLL_SECONDS)


def busy() -> str:
    """Return the load average of the last minute, for the reader to judge times by."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]


def _flags(options: Mapping[str, Any]) -> list[str]:
    given = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    return [part for flag, value in given.items() if value is not False for part in _flag(flag, value)]


def _flag(flag: str, value: Any) -> list[str]:
    return [flag] if value is True else [flag, str(value)]
