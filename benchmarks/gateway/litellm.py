"""
The processor time of a request through LiteLLM, against the gateway's, on the same engines.

LiteLLM has an environment of its own below `~/.cache/modelfleet/`, and what it offers without a database: its master
key, limits per deployment, and a fallback. One worker; more cost more each.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from e2e.lab import Progress
from tests.apiserver.control_plane import WITH_PARENT
from tests.envoy.envoy_process import LOOPBACK, free_port
from tests.gateway.objects import KEY

from benchmarks.gateway import processor_time
from benchmarks.gateway.cpu import CONNECTIONS, KIND, MUCH, PODS, everything_on, microseconds
from benchmarks.gateway.stand import await_listening, busy, engines, gateway, load
from benchmarks.stage import Row

VERSION = "1.106.2"
HOME = Path.home() / ".cache" / "modelfleet" / "litellm"
ROUNDS = 3
REQUESTS = {False: 300, True: 150}
WANTED = {False: 90, True: 140}


def run(progress: Progress) -> Iterator[Row]:
    """Yield LiteLLM's processor time as a multiple of the gateway's."""
    install()
    with ExitStack() as running:
        pods = running.enter_context(engines(PODS))
        way = running.enter_context(gateway(everything_on(), {"models/llama": pods, "models/spare": pods}, replicas=1))
        pid, port = running.enter_context(proxy(pods))
        for is_stream in (False, True):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(microseconds(way, is_stream=is_stream))
                theirs.append(of_proxy(pid, port, is_stream=is_stream))
            progress.note(f"{KIND[is_stream]}: gateway {ours}, LiteLLM {theirs} µs; {busy()}")
            ratio = statistics.median(their / our for our, their in zip(ours, theirs, strict=True))
            yield (f"{KIND[is_stream]}: CPU of LiteLLM ÷ the gateway's", f"{ratio:.0f}", f"≥ {WANTED[is_stream]}")


def install() -> None:
    """Make the environment with LiteLLM, unless there is one."""
    if not (HOME / "bin" / "litellm").exists():
        venv.create(HOME, with_pip=True)
        subprocess.run([HOME / "bin" / "pip", "install", "--quiet", f"litellm[proxy]=={VERSION}"], check=True)


@contextmanager
def proxy(pods: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the process and the port of a LiteLLM in front of *pods*."""
    with tempfile.TemporaryDirectory(prefix="litellm-") as directory:
        config, port = Path(directory, "config.yaml"), free_port()
        config.write_text(yaml.safe_dump(configuration(pods)))
        command = [
            *WITH_PARENT,
            str(HOME / "bin" / "litellm"),
            "--config",
            str(config),
            "--port",
            str(port),
            "--host",
            LOOPBACK,
        ]
        quiet = os.environ | {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": ""}
        process = subprocess.Popen(command, env=quiet, stdout=sys.stderr)
        try:
            await_listening(port)
            yield process.pid, port
        finally:
            process.kill()
            process.wait()


def configuration(pods: Sequence[int]) -> dict[str, Any]:
    """Return LiteLLM's configuration: a model with a fallback to another, a key, and limits nobody reaches."""
    deployments = [
        {
            "model_name": name,
            "litellm_params": {
                "model": "openai/chat",
                "api_base": f"http://{LOOPBACK}:{pod}/v1",
                "api_key": "none",
                "rpm": MUCH,
                "tpm": MUCH,
            },
        }
        for name in ("chat", "spare")
        for pod in pods
    ]
    return {
        "model_list": deployments,
        "general_settings": {"master_key": KEY},
        "router_settings": {"fallbacks": [{"chat": ["spare"]}]},
        "litellm_settings": {"telemetry": False},
    }


def of_proxy(pid: int, port: int, *, is_stream: bool) -> float:
    """Return the microseconds of processor time that LiteLLM uses per request; all must be answered with 200."""
    count = REQUESTS[is_stream]
    before = processor_time.seconds(pid)
    said = load(port, connections=min(8, CONNECTIONS), requests=count, stream=is_stream, key=KEY)
    if said["statuses"] != {"200": count}:
        raise ValueError(f"all {count} requests must be answered with 200, found {said['statuses']}")
    return (processor_time.seconds(pid) - before) / count * 1e6
