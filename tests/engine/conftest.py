"""Servers for tests: one inside the test's own loop, and one as a process of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.engine.servers import InProcess, Process, start_in_process, stop_in_process


@pytest.fixture
async def servers() -> AsyncIterator[list[InProcess]]:
    """Servers to stop at the end of the test; `start` adds to them."""
    started: list[InProcess] = []
    yield started
    for server in started:
        await stop_in_process(server)


@pytest.fixture
async def server(servers: list[InProcess]) -> InProcess:
    """A server of the newest release with an 8B model."""
    servers.append(await start_in_process())
    return servers[0]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator["ProcessFactory"]:
    """Start servers as processes; what is left of them is killed at the end."""
    factory = ProcessFactory(tmp_path)
    yield factory
    for process in factory.started:
        process.kill()


class ProcessFactory:
    """Starts servers that keep their caches in one directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.started: list[Process] = []

    def __call__(self, *arguments: str, **environment: str) -> Process:
        """Start `vllm serve` with *arguments*."""
        self.started.append(Process.start(arguments, home=self.home, environment=environment))
        return self.started[-1]
