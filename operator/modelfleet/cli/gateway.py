"""`modelfleet gateway`: what the gateway does, offline or in a cluster, as a table or for one request."""

from pathlib import Path

import click

from modelfleet.cli.gateway_bootstrap import bootstrap
from modelfleet.cli.gateway_output import explained, findings, printed
from modelfleet.cli.gateway_request import request_for
from modelfleet.cli.gateway_sources import from_cluster, from_manifests
from modelfleet.cli.help_text import epilog
from modelfleet.cli.manifests import more_paths, paths_option
from modelfleet.cli.output import as_text
from modelfleet.cli.platform import setting, values_option
from modelfleet.gateway.answer import answer
from modelfleet.gateway.lower.setting import Setting
from modelfleet.gateway.lower.whole import lower


@click.command(
    name="gateway",
    epilog=epilog(
        "modelfleet gateway -f manifests/",
        "modelfleet gateway -f manifests/ --as ada@search --model chat --prompt-bytes 9000",
        "modelfleet gateway -f manifests/ --envoy-bootstrap > envoy.yaml && envoy --mode validate -c envoy.yaml",
        "modelfleet gateway --model chat --header x-tier=gold --kubeconfig ~/.kube/config",
        found="1 when an object is told that something is wrong with it, or the request would be refused",
    ),
)
@paths_option
@more_paths
@values_option
@click.option(
    "-o", "--output", type=click.Choice(("table", "json", "yaml")), default="table", help="Form of the output."
)
@click.option("--model", help="Explain a request for this model instead of printing the table.")
@click.option("--as", "user", metavar="USER[@TEAM]", help="Who asks. Default: somebody without credentials.")
@click.option("--priority", type=click.Choice(("Low", "Normal", "High")), help="Priority of who asks.")
@click.option("--prompt-bytes", type=click.IntRange(min=0), default=0, help="Size of the request's body.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="Header of the request; may be repeated."
)
@click.option("--envoy-bootstrap", is_flag=True, help="Print one static Envoy bootstrap, without any key.")
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Cluster to ask where no path is given.")
@click.option("--context", "cluster_context", help="Context of the kubeconfig.")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    more: tuple[str, ...],
    values: Path | None,
    output: str,
    model: str | None,
    user: str | None,
    priority: str | None,
    prompt_bytes: int,
    headers: tuple[str, ...],
    envoy_bootstrap: bool,
    kubeconfig: Path | None,
    cluster_context: str | None,
) -> None:
    """
    Print what every model name means at the gateway, or what one request meets there.

    Fleets, policies and Secrets are those of the manifests; without a path, those of the cluster. No key is printed.
    """
    surrounding = setting(values)
    sources = from_manifests(paths, more) if paths or more else from_cluster(kubeconfig, cluster_context)
    for note in sources.notes:
        click.echo(f"note: {note}", err=True)
    lowered = lower(sources.objects, Setting(surrounding.platform.gateway, surrounding.catalogue.accelerators))
    told = findings(lowered)
    for line in (*sources.remarks, *told):
        click.echo(line, err=True)
    if envoy_bootstrap:
        click.echo(as_text(bootstrap(lowered.gateway), "yaml" if output == "table" else output), nl=False)
    elif model is None:
        click.echo(printed(lowered, output), nl=False)
    if envoy_bootstrap or model is None:
        context.exit(int(bool(told or sources.remarks)))
    request = request_for(
        lowered.gateway, model, user=user, priority=priority, prompt_bytes=prompt_bytes, headers=headers
    )
    met = answer(lowered.gateway, request)
    click.echo(explained(lowered.gateway, request, met, output), nl=False)
    context.exit(int(met.status is not None))
