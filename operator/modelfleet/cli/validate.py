"""`modelfleet validate`: the verdict of the API server and the operator, offline."""

from pathlib import Path

import click

from modelfleet.cli.checks import operator_remarks, repeated_objects, schema_remarks, valid
from modelfleet.cli.gateway_checks import gateway_remarks
from modelfleet.cli.help_text import epilog
from modelfleet.cli.manifests import UnreadableError, more_paths, paths_option, read
from modelfleet.cli.output import as_text, output_option
from modelfleet.cli.platform import setting, values_option
from modelfleet.cli.remarks import Remark, in_order


@click.command(
    name="validate",
    epilog=epilog(
        "modelfleet validate -f manifests/samples",
        "helm template my-fleets | modelfleet validate -f -",
        "modelfleet validate --values platform.yaml -f fleets.yaml -o json",
        found="1 when an error was found (warnings alone give 0)",
    ),
)
@paths_option
@more_paths
@values_option
@output_option
@click.pass_context
def command(
    context: click.Context, /, *, paths: tuple[str, ...], more: tuple[str, ...], values: Path | None, output: str | None
) -> None:
    """
    Check manifests as the API server and the operator would; objects of other kinds are passed over.

    Each line says `file:line: kind/name: field: message`. Nothing but the manifests is known: of objects that claim one
    name the first by namespace and name counts as its owner, where a cluster knows who had it before, and who is older.
    Names that the platform grants, and hosts that it allows, count with --values.
    """
    remarks = _remarks((*paths, *more), values)
    if output is not None:
        click.echo(as_text([remark.as_dict() for remark in remarks], output), nl=False)
    for remark in remarks if output is None else ():
        click.echo(remark)
    context.exit(int(any(remark.severity == "error" for remark in remarks)))


def _remarks(paths: tuple[str, ...], values: Path | None) -> list[Remark]:
    if not paths:
        raise click.UsageError("at least one path must be given with -f")
    surrounding = setting(values)
    try:
        manifests = list(read(paths))
    except UnreadableError as error:
        return [Remark(error.file, error.line, "", "", "", error.message)]
    found = [*schema_remarks(manifests), *repeated_objects(manifests)]
    found += operator_remarks(valid(manifests), surrounding)
    return in_order([*found, *gateway_remarks(manifests, surrounding, knows_platform=values is not None)])
