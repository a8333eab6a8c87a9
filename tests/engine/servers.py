"""Starting and stopping the stand-in engine, as tests need it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from e2e.engine.api.application import application
from e2e.engine.api.context import Context
from e2e.engine.assembly import assemble
from e2e.engine.flags.parser import parse
from e2e.engine.launch.config import EngineConfig, resolve
from e2e.engine.launch.memory import profile
from e2e.engine.launch.settings import from_environment
from e2e.engine.release import Release

SCRIPT = Path(__file__).resolve().parents[2] / "e2e/engine/vllm"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
DEADLINE_SECONDS = 10.0


def config_of(arguments: Sequence[str], *, release: str = "0.33.0", model: str = MODEL, **env: str) -> EngineConfig:
    """Return the configuration of `vllm serve MODEL` with *arguments*."""
    version = Release.parse(release)
    return resolve(
        parse(["serve", model, *arguments], release=version), release=version, settings=from_environment(env)
    )


@dataclass(slots=True)
class InProcess:
    """A server in the loop of the test."""

    context: Context
    client: "TestClient[web.Request, web.Application]"  # quoted: no generic in older releases of aiohttp
    engines: list[asyncio.Task[None]]


async def start_in_process(*arguments: str, release: str = "0.33.0", model: str = MODEL, **env: str) -> InProcess:
    """Start a server of *release*; its engine takes steps a tenth as long as real ones, unless *env* says otherwise."""
    settings = from_environment({"VLLM_STANDIN_STEP_SCALE": "0.1", "VLLM_STANDIN_TICK_SECONDS": "0.002"} | env)
    config = config_of(arguments, release=release, model=model, **env)
    context = assemble(config, settings, profile(config, settings))
    client: TestClient[web.Request, web.Application] = TestClient(TestServer(application(context)))
    await client.start_server()
    return InProcess(context, client, [asyncio.ensure_future(engine.run()) for engine in context.client.engines])


async def stop_in_process(server: InProcess) -> None:
    """Stop *server*, ending what is in flight."""
    server.context.client.abort_all()
    for task in server.engines:
        task.cancel()
    await server.client.close()


@dataclass(slots=True)
class Process:
    """A server as a process."""

    popen: subprocess.Popen[bytes]
    port: int
    log: Path

    @classmethod
    def start(cls, arguments: Sequence[str], *, home: Path, environment: Mapping[str, str]) -> Self:
        """Start `vllm serve` on a free port of loopback."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = home / f"{port}.txt"
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "VLLM_STANDIN_COLD_START_SECONDS": "0.05",
            "VLLM_STANDIN_TIME_FACTOR": "100",
            **environment,
        }
        command = [sys.executable, str(SCRIPT), "serve", MODEL, "--host", "127.0.0.1", "--port", str(port), *arguments]
        with log.open("wb") as output:
            popen = subprocess.Popen(command, env=variables, stdout=output, stderr=output)  # noqa: S603
        return cls(popen, port, log)

    @property
    def url(self) -> str:
        """The address to send requests to."""
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self) -> None:
        """Wait until `/health` answers."""
        wait_until(self.is_ready, what="the server is ready")

    def is_ready(self) -> bool:
        """Tell whether `/health` answers 200."""
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.HTTPError:
            return False

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.popen.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """Wait for the end and return the exit code."""
        return self.popen.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """End the process whatever it does."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(DEADLINE_SECONDS)


def wait_until(holds: Callable[[], bool], *, what: str) -> None:
    """Poll until *holds*; fail with *what* after the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_SECONDS} s: {what}")
        time.sleep(0.01)


async def eventually(holds: Callable[[], bool], *, what: str) -> None:
    """Let the loop run until *holds*; fail with *what* after the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_SECONDS} s: {what}")
        await asyncio.sleep(0.001)
