"""
Very many streams open at once through one Envoy, one event a second each.

A stream over HTTP/1.1 is two files to Envoy; where a process may not have 20,200 of them, there are fewer streams.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from e2e.lab import Progress
from tests.gateway.objects import KEY, fleet

from benchmarks.gateway.cpu import everything_on
from benchmarks.gateway.limits import most_files
from benchmarks.gateway.stand import busy, engines, gateway, load
from benchmarks.stage import Row

WANTED_STREAMS = 10_000
OTHER_FILES = 200
PODS = 8
EVENTS = 60
RAMP_SECONDS = 40
"""All are open from the end of the ramp until the first one ends."""
WANTED_MILLISECONDS = 50
WANTED_MEGABYTES = 800
ROOMY = {"maxNumSeqs": 4096}


def run(progress: Progress) -> Iterator[Row]:
    """Yield errors, how many were open, what the gateway added to the time to the first token, and its memory."""
    count = min(WANTED_STREAMS, (most_files() - OTHER_FILES) // 2)
    objects = [fleet(engine=ROOMY), *everything_on()[1:]]
    with ExitStack() as running:
        pods = running.enter_context(engines(PODS, events=EVENTS, interval=1.0))
        way = running.enter_context(gateway(objects, {"models/llama": pods, "models/spare": pods}, replicas=1))
        direct = streams(pods[0], count)
        progress.note(f"straight to the engines: {direct}; {busy()}")
        found = streams(way.port, count)
        progress.note(f"through the gateway: {found}; {busy()}")
        megabytes = peak_megabytes(way.pid)
    yield from rows(count, direct, found, megabytes)


def streams(port: int, count: int) -> dict[str, Any]:
    """Return what the load says of *count* streams."""
    return load(port, connections=count, requests=count, ramp=RAMP_SECONDS, stream=True, key=KEY)


def peak_megabytes(pid: int) -> float:
    """Return the largest resident size a process has had (VmHWM), in millions of bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kibibytes) * 1024 / 1e6


def rows(count: int, direct: dict[str, Any], found: dict[str, Any], megabytes: float) -> Iterator[Row]:
    """Yield the rows about *count* streams."""
    errors = count - found["statuses"].get("200", 0)
    yield (f"{count} streams, {found['most_open']} of them open at once: errors", str(errors), "0")
    p95 = {name: said["first_byte_ms"]["p95"] for name, said in (("direct", direct), ("through", found))}
    yield (
        "time to first token added at the 95th percentile",
        f"{p95['through'] - p95['direct']:.0f} ms ({p95['through']:.0f} against {p95['direct']:.0f})",
        f"≤ {WANTED_MILLISECONDS} ms",
    )
    yield ("Envoy's peak memory", f"{megabytes:.0f} MB", f"≤ {WANTED_MEGABYTES} MB")
