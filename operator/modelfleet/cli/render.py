"""`modelfleet render`: the Kubernetes objects of fleets, offline."""

from pathlib import Path
from typing import Any

import click

from modelfleet.cli.checks import Objects, schema_remarks, valid
from modelfleet.cli.help_text import epilog
from modelfleet.cli.manifests import given, more_paths, paths_option
from modelfleet.cli.output import as_text, as_yaml_stream, output_option
from modelfleet.cli.platform import setting, values_option
from modelfleet.cli.remarks import Remark, about_spec, in_order
from modelfleet.workload.children.compile import children
from modelfleet.workload.plan import Refusal, Setting


@click.command(
    name="render",
    epilog=epilog(
        "modelfleet render -f manifests/samples/llama-8b.yaml",
        "modelfleet render -f fleets/ --values platform.yaml --pod-monitors",
        found="1 when a fleet is not valid or certainly cannot start (the others are still printed)",
    ),
)
@paths_option
@more_paths
@values_option
@click.option("--pod-monitors", is_flag=True, help="The cluster has the PodMonitor kind.")
@output_option
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    paths: tuple[str, ...],
    more: tuple[str, ...],
    values: Path | None,
    pod_monitors: bool,
    output: str | None,
) -> None:
    """
    Print the objects the operator would apply for the fleets in the manifests, with the policies beside them.

    What only a cluster knows is left out: owners, the size, and a tensor-parallel size chosen before.
    """
    manifests = given(paths, more)
    objects, surrounding = valid(manifests), setting(values, pod_monitors=pod_monitors)
    rendered, refused = _rendered(objects, surrounding)
    remarks = in_order([*schema_remarks(manifests), *refused])
    for remark in remarks:
        click.echo(remark, err=True)
    if output is None:
        click.echo(as_yaml_stream(rendered), nl=False)
    else:
        click.echo(as_text({"apiVersion": "v1", "kind": "List", "items": rendered}, output), nl=False)
    context.exit(int(bool(remarks)))


def _rendered(objects: Objects, surrounding: Setting) -> tuple[list[dict[str, Any]], list[Remark]]:
    rendered: list[dict[str, Any]] = []
    refused: list[Remark] = []
    for manifest, fleet in objects.fleets:
        planned = objects.plan(fleet, surrounding)
        if isinstance(planned, Refusal):
            refused.append(about_spec(manifest, planned.accepted.message))
        else:
            rendered.extend(map(_without_owner, children(planned)))
    return rendered, refused


def _without_owner(child: dict[str, Any]) -> dict[str, Any]:
    """Return *child* without the reference to its owner, whose uid only the cluster knows."""
    metadata = {key: value for key, value in child["metadata"].items() if key != "ownerReferences"}
    return child | {"metadata": metadata}
