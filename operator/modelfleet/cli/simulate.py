"""`modelfleet simulate`: what the scaler would do with a load, and what that costs."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from modelfleet.cli.checks import schema_remarks, valid
from modelfleet.cli.help_text import epilog
from modelfleet.cli.manifests import given, more_paths, paths_option
from modelfleet.cli.output import as_table, as_text, output_option
from modelfleet.cli.platform import setting, values_option
from modelfleet.cli.simulate_fleet import SimulatedFleet, refuse, simulated_fleet
from modelfleet.cli.simulate_html import Report, as_html
from modelfleet.cli.simulate_load import SHAPES, Demand, from_file, from_words
from modelfleet.cli.simulate_result import HEADER, Entry, as_json, as_row
from modelfleet.scaling import Slo
from modelfleet.scaling.simulation.clairvoyant import clairvoyant
from modelfleet.scaling.simulation.run import Run, simulate
from modelfleet.scaling.simulation.scaler import FixedSize, ProductScaler, Scaler
from modelfleet.scaling.simulation.score import score
from modelfleet.workload.plan import Plan, Refusal, Setting

SHAPES_HELP = "; ".join(
    f"{name}:{','.join(f'{key}={value:g}' for key, value in SHAPES[name][0].items())}" for name in SHAPES
)
SIMULATED = "modelfleet"


@click.command(
    name="simulate",
    epilog=epilog(
        "modelfleet simulate -f manifests/samples/llama-8b.yaml --shape wave:mean=20,swing=0.8 --html report.html",
        "modelfleet simulate -f fleet.yaml --trace docs/traces/morning.csv --copies 50 -o json",
        found="1 when something was wrong with the fleet or the trace",
    ),
)
@paths_option
@more_paths
@click.option("--name", help="The ModelDeployment to simulate, when the manifests have several.")
@click.option(
    "--trace",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Requests as CSV: arrival_seconds,prompt_tokens,output_tokens[,prefix,prefix_tokens].",
)
@click.option(
    "--copies",
    type=click.IntRange(1, 100_000),
    default=1,
    show_default=True,
    help="How many requests each one of the trace stands for; they come within 10 s.",
)
@click.option("--shape", help=f"Requests made of a shape; rates are per second, times are minutes. {SHAPES_HELP}")
@click.option(
    "--minutes", type=click.FloatRange(1, 1440), default=60, show_default=True, help="How long a shape lasts."
)
@click.option("--prompt-tokens", type=click.IntRange(1, 100_000), default=800, show_default=True, help="Median.")
@click.option("--output-tokens", type=click.IntRange(1, 100_000), default=300, show_default=True, help="Median.")
@click.option(
    "--burstiness",
    type=click.FloatRange(0.1, 5),
    default=1.3,
    show_default=True,
    help="1 is Poisson; services have 1.2 to 3.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same run.")
@click.option(
    "--cold-start",
    type=click.FloatRange(1, 7200),
    help="Mean seconds from a pod's node to Ready. Default: 120, or 240 with several accelerators.",
)
@click.option(
    "--slo",
    type=(click.FloatRange(1, 600_000), click.FloatRange(1, 60_000)),
    metavar="TTFT ITL",
    help="Milliseconds to the first token and between tokens. Default: what the fleet declares, else 2000 66.",
)
@click.option("--compare/--no-compare", default=True, help="Also simulate a fixed size and a clairvoyant schedule.")
@click.option(
    "--html", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write a report to this file."
)
@values_option
@output_option
def command(
    *,
    paths: tuple[str, ...],
    more: tuple[str, ...],
    values: Path | None,
    output: str | None,
    html: Path | None,
    **asked: Any,
) -> None:
    """
    Simulate a fleet under a load, with the scaler that the operator runs.

    The engine's pace follows from the model and the accelerator, so read the figures as a comparison: the same load and
    pods, other decisions. One run is compared with the size that the peak needs, kept all the time, and with a schedule
    that knows every request.
    """
    if (asked["trace"] is None) == (asked["shape"] is None):
        raise click.UsageError("either --trace or --shape must be given")
    surrounding = setting(values)
    slo = (
        Slo(time_to_first_token_seconds=asked["slo"][0] / 1000, inter_token_seconds=asked["slo"][1] / 1000)
        if asked["slo"]
        else None
    )
    fleet = simulated_fleet(
        _planned(paths, more, asked["name"], surrounding),
        surrounding,
        slo=slo,
        cold_start_seconds=asked["cold_start"],
        seed=asked["seed"],
    )
    for assumption in fleet.assumptions:
        click.echo(f"note: {assumption}", err=True)
    demand = _demand(asked)
    run = _run(fleet, demand)
    entries = [Entry(SIMULATED if fleet.policy else f"fixed at {fleet.model.first_size}", score(run, fleet.slo))]
    if asked["compare"]:
        entries += _compared(fleet, demand)
    if html:
        html.write_text(as_html(Report(fleet=fleet, demand=demand, run=run, entries=tuple(entries))), encoding="utf-8")
    if output:
        click.echo(as_text(as_json(fleet, demand, run, entries), output), nl=False)
    else:
        click.echo(as_table(HEADER, map(as_row, entries)), nl=False)


def _planned(paths: tuple[str, ...], more: tuple[str, ...], name: str | None, surrounding: Setting) -> Plan:
    """Return the plan of the only ModelDeployment of the manifests, or of the one called *name*."""
    manifests = given(paths, more)
    for remark in schema_remarks(manifests):
        click.echo(remark, err=True)
    objects = valid(manifests)
    fleets = [fleet for _, fleet in objects.fleets if name in (None, fleet.metadata.name)]
    if len(fleets) != 1:
        found = ", ".join(fleet.metadata.name for fleet in fleets) or "none"
        raise click.UsageError(f"the manifests must have one valid ModelDeployment, found {found}; choose with --name")
    planned = objects.plan(fleets[0], surrounding)
    if isinstance(planned, Refusal):
        raise refuse(planned.accepted.message)
    return planned


def _demand(asked: dict[str, Any]) -> Demand:
    if asked["trace"]:
        return from_file(asked["trace"], copies=asked["copies"], seed=asked["seed"])
    return from_words(
        asked["shape"],
        minutes=asked["minutes"],
        seed=asked["seed"],
        prompt_tokens=asked["prompt_tokens"],
        output_tokens=asked["output_tokens"],
        burstiness=asked["burstiness"],
    )


def _run(fleet: SimulatedFleet, demand: Demand) -> Run:
    scaler: Scaler = ProductScaler(fleet.policy) if fleet.policy else FixedSize(fleet.model.first_size)
    length = int(demand.duration_seconds)
    with click.progressbar(length=length, label="simulating", file=sys.stderr) as bar:
        return simulate(
            fleet.model,
            demand.requests,
            scaler,
            duration_seconds=demand.duration_seconds,
            can_hold=fleet.policy is not None and fleet.policy.min_replicas == 0,
            on_progress=lambda at: bar.update(int(at) - bar.pos),
        )


def _compared(fleet: SimulatedFleet, demand: Demand) -> list[Entry]:
    click.echo("comparing with a clairvoyant schedule and a fixed size", err=True)
    best = clairvoyant(
        fleet.model,
        demand.requests,
        duration_seconds=demand.duration_seconds,
        slo=fleet.slo,
        allowed_misses=1 - fleet.slo.percentile / 100,
        is_thorough=False,
    )
    peak = best.score.largest
    static = simulate(
        replace(fleet.model, first_size=peak, max_replicas=max(peak, fleet.model.max_replicas)),
        demand.requests,
        FixedSize(peak),
        duration_seconds=demand.duration_seconds,
    )
    return [Entry(f"fixed at {peak}", score(static, fleet.slo)), Entry("clairvoyant", best.score)]
