"""`modelfleet run`: the operator."""

import importlib
import os
from pathlib import Path

import click

from modelfleet.cli.help_text import epilog


@click.command(
    name="run",
    epilog=epilog(
        "modelfleet run --read-only --kubeconfig ~/.kube/config",
        "MODELFLEET_WATCH_NAMESPACES=models modelfleet run",
        found="1 when the settings or the platform file are wrong",
    ),
)
@click.option("--read-only", is_flag=True, default=None, help="Compute and report; write nothing to the cluster.")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path), help="Cluster to work on. Default: the pod's, or KUBECONFIG."
)
@click.option("--platform-file", type=click.Path(path_type=Path), help="What the platform team sets for all fleets.")
@click.option("--namespace", help="Namespace the operator runs in, for its Lease.")
@click.option("--watch-namespaces", help="Namespaces to look at, with commas between. Default: all.")
@click.option("--http-port", type=int, help="Port of /metrics, /healthz and /readyz.")
@click.option("--log-level", help="DEBUG, INFO, WARNING or ERROR.")
def command(**flags: object) -> None:
    """
    Run the operator until it is told to end.

    Every setting is an environment variable too: `MODELFLEET_` and its name in capitals. A flag wins.
    """
    settings = importlib.import_module("modelfleet.controller.settings")
    operator = importlib.import_module("modelfleet.controller.run")
    try:
        operator.main(settings.Settings.read(os.environ, flags))
    except settings.SettingsError as error:
        raise click.ClickException(str(error)) from error
