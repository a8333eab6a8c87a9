"""`modelfleet fit`: the fit table over tensor-parallel sizes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from modelfleet.api.catalogue import CatalogueError, EngineVersion, EngineVersionError
from modelfleet.api.names import API_VERSION
from modelfleet.api.schema.problems import lint
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.cli.checks import schema_remarks, valid
from modelfleet.cli.help_text import epilog
from modelfleet.cli.manifests import given, more_paths, paths_option
from modelfleet.cli.output import as_table, as_text, output_option
from modelfleet.cli.platform import setting, values_option
from modelfleet.workload.fit import FitRow, choose, fit_table
from modelfleet.workload.plan import Setting
from modelfleet.workload.sizing import fit_input

HEADER = ("TP", "FITS", "WEIGHTS MiB/GPU", "KV CACHE TOKENS", "REQUESTS", "MESSAGE")


@click.command(
    name="fit",
    epilog=epilog(
        "modelfleet fit -f manifests/samples/llama-8b.yaml",
        "modelfleet fit --model meta-llama/Llama-3.3-70B-Instruct --accelerator nvidia-h100-80gb -o json",
        found="1 when the model fits at no size",
    ),
)
@paths_option
@more_paths
@click.option("--name", help="The ModelDeployment to look at, when the manifests have several.")
@click.option("--model", help="A model of the catalogue, or any source such as hf://organisation/model.")
@click.option("--accelerator", help="An accelerator of the catalogue.")
@click.option("--image", help="The engine's image; its tag is the vLLM version.")
@click.option("--max-model-len", type=int, help="The longest request in tokens. Default: the model's own limit.")
@click.option("--quantization", help="How vLLM quantizes the weights, such as fp8. Default: as they are published.")
@click.option("--kv-cache-dtype", help="The type of the KV cache, such as fp8. Default: auto.")
@click.option("--gpu-memory-percent", type=int, help="The share of the memory that the engine takes. Default: 90.")
@values_option
@output_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    more: tuple[str, ...],
    values: Path | None,
    output: str | None,
    **asked: Any,
) -> None:
    """
    Show for each tensor-parallel size whether a model fits, and how much it can serve.

    The model is that of a ModelDeployment (-f), or one named by --model and --accelerator.
    """
    from_manifest, name = bool(paths or more), asked.pop("name")
    fleet = _declared(paths, more, name) if from_manifest else _described(asked)
    if from_manifest and any(value is not None for value in asked.values()):
        raise click.UsageError("-f and --model (with the options that describe it) must not be given together")
    rows = _rows(fleet, setting(values))
    if output is None:
        click.echo(as_table(HEADER, map(_cells, rows)), nl=False)
    else:
        click.echo(as_text([row.as_json() for row in rows], output), nl=False)
    context.exit(int(choose(rows) is None))


def _rows(fleet: ModelDeployment, surrounding: Setting) -> Sequence[FitRow]:
    engine = fleet.spec.engine
    try:
        accelerator = surrounding.catalogue.accelerators.find(fleet.spec.hardware.accelerator)
        version = EngineVersion.of(engine.image, engine.version)
    except CatalogueError as error:
        raise click.UsageError(f"`accelerator` {error}") from error
    except EngineVersionError as error:
        raise click.UsageError(str(error)) from error
    return fit_table(fit_input(fleet, accelerator, version, surrounding.catalogue))


def _declared(paths: tuple[str, ...], more: tuple[str, ...], name: str | None) -> ModelDeployment:
    """Return the only ModelDeployment of the manifests, or the one called *name*."""
    manifests = given(paths, more)
    for remark in schema_remarks(manifests):
        click.echo(remark, err=True)
    fleets = [fleet for _, fleet in valid(manifests).fleets if name in (None, fleet.metadata.name)]
    if len(fleets) != 1:
        found = ", ".join(fleet.metadata.name for fleet in fleets) or "none"
        raise click.UsageError(f"the manifests must have one valid ModelDeployment, found {found}; choose with --name")
    return fleets[0]


def _described(asked: Mapping[str, Any]) -> ModelDeployment:
    """Return a ModelDeployment with what the options say."""
    if not (asked["model"] and asked["accelerator"]):
        raise click.UsageError("-f, or both --model and --accelerator, must be given")
    source = asked["model"] if "://" in asked["model"] else f"hf://{asked['model']}"
    engine = {
        "image": asked["image"],
        "maxModelLen": asked["max_model_len"],
        "quantization": asked["quantization"],
        "kvCacheDtype": asked["kv_cache_dtype"],
        "gpuMemoryPercent": asked["gpu_memory_percent"],
    }
    spec = {"model": {"source": source}, "hardware": {"accelerator": asked["accelerator"]}, "engine": engine}
    manifest = {"apiVersion": API_VERSION, "kind": "ModelDeployment", "metadata": {"name": "fit"}, "spec": spec}
    if problems := lint(ModelDeployment, manifest):
        raise click.UsageError("; ".join(map(str, problems)))
    return ModelDeployment.model_validate(manifest)


def _cells(row: FitRow) -> tuple[str, ...]:
    numbers = (row.weights_mib_per_gpu, row.kv_cache_tokens, row.max_concurrent_requests)
    fits = {"True": "yes", "False": "no", "Unknown": "maybe"}[row.fits]
    shown = ("-" if number is None else str(number) for number in numbers)
    return (str(row.tensor_parallel_size), fits, *shown, row.message)
