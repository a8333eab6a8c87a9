"""The load of a simulation, from a file or from a few words: `wave:mean=8,swing=0.8,minutes=60`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from modelfleet.scaling.simulation.loads import (
    Burstiness,
    Lengths,
    Load,
    Shape,
    TraceError,
    constant,
    copied,
    diurnal,
    on_off,
    ramp,
    read_trace,
    requests_of,
    spikes,
    steady,
    step,
)
from modelfleet.scaling.simulation.request import Request

Build = Callable[[Mapping[str, float]], Shape]
SHAPES: dict[str, tuple[dict[str, float], Build]] = {
    "constant": ({"rate": 5.0}, lambda a: constant(a["rate"])),
    "ramp": ({"from": 1.0, "to": 10.0, "minutes": 45.0}, lambda a: ramp(a["from"], a["to"], seconds=60 * a["minutes"])),
    "step": (
        {"before": 2.0, "after": 8.0, "minute": 20.0},
        lambda a: step(a["before"], a["after"], at=60 * a["minute"]),
    ),
    "wave": (
        {"mean": 5.0, "swing": 0.8, "minutes": 60.0},
        lambda a: diurnal(a["mean"], swing=a["swing"], period=60 * a["minutes"]),
    ),
    "spikes": (
        {"base": 2.0, "peak": 8.0, "every": 15.0, "lasting": 2.0},
        lambda a: spikes(a["base"], a["peak"], every=60 * a["every"], lasting=60 * a["lasting"]),
    ),
    "on-off": ({"rate": 3.0, "on": 10.0, "off": 20.0}, lambda a: on_off(a["rate"], on=60 * a["on"], off=60 * a["off"])),
}
"""Shapes by name, with their parameters and defaults: rates in requests a second, times in minutes."""
MOST_REQUESTS = 5_000_000
_MOST_VALUE = 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The requests to simulate."""

    name: str
    requests: tuple[Request, ...]
    duration_seconds: float


def from_file(path: Path, *, copies: int, seed: int) -> Demand:
    """Return the requests of a trace, each *copies* times."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            requests = read_trace(lines)
    except (TraceError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path}: {error}") from error
    if len(requests) * copies > MOST_REQUESTS:
        raise click.UsageError(f"a load must have at most {MOST_REQUESTS} requests: lower `--copies`")
    requests = copied(requests, copies=copies, seed=seed)
    return Demand(name=path.name, requests=requests, duration_seconds=requests[-1].arrival + 1.0)


def from_words(
    words: str, *, minutes: float, seed: int, prompt_tokens: int, output_tokens: int, burstiness: float
) -> Demand:
    """Return requests of the shape that *words* describe."""
    shape = shape_of(words)
    most = max(map(shape, range(0, int(60 * minutes), 10)))
    if most * 60 * minutes > MOST_REQUESTS:
        raise click.UsageError(f"a load must have at most {MOST_REQUESTS} requests: lower the rates or `--minutes`")
    load = Load(
        name=words,
        shape=shape,
        duration_seconds=60 * minutes,
        burstiness=Burstiness(gaps=burstiness),
        mix=steady((1.0, Lengths(prompt_median=prompt_tokens, output_median=output_tokens))),
    )
    requests = requests_of(load, seed)
    if not requests:
        raise click.UsageError(f'`--shape` must have requests, found none in "{words}"')
    return Demand(name=words, requests=requests, duration_seconds=load.duration_seconds)


def shape_of(words: str) -> Shape:
    """Return the shape that *words* describe: a name, and parameters behind a colon."""
    name, _, rest = words.partition(":")
    if name not in SHAPES:
        raise click.UsageError(f'`--shape` must be one of {", ".join(SHAPES)}, found "{name}"')
    defaults, build = SHAPES[name]
    given = dict(_parameter(part, name, defaults) for part in rest.split(",") if part)
    return build({**defaults, **given})


def _parameter(part: str, name: str, known: Mapping[str, float]) -> tuple[str, float]:
    key, _, text = part.partition("=")
    if key not in known:
        raise click.UsageError(f'`--shape` {name} must have only {", ".join(known)}, found "{key}"')
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    least = 0.0 if key in {"rate", "from", "to", "before", "after", "mean", "swing", "base", "peak", "off"} else 0.01
    most = 1.0 if key == "swing" else _MOST_VALUE
    if not least <= value <= most:
        raise click.UsageError(f'`--shape` {name} must have `{key}` from {least:g} to {most:g}, found "{text}"')
    return key, value
