"""
Command line of the lab.

Example: ``python -m e2e.lab up && python -m e2e.lab kubectl get nodes && python -m e2e.lab down``.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from e2e.images import engine, operator_image
from e2e.lab import debian, host, netns, provision, status, tools
from e2e.lab.cluster import binary
from e2e.lab.errors import LabError
from e2e.lab.fake_nodes import FakeNodes
from e2e.lab.lab import DEFAULT_NAME, Lab, remove
from e2e.lab.layout import Layout
from e2e.lab.node_shape import NodeShape
from e2e.lab.progress import Progress
from e2e.lab.start import Extent, Request

_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}

_Command = Callable[..., None]


def _name(command: _Command) -> _Command:
    return click.option("--name", default=DEFAULT_NAME, show_default=True, help="Which lab.")(command)


def _label(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise click.BadParameter(f"`--node-label` must be KEY=VALUE, found {text!r}")
    return key, value


@click.group(epilog="Example: python -m e2e.lab up && python -m e2e.lab kubectl get nodes")
def main() -> None:
    """Run a real Kubernetes cluster on this machine: control plane, one node with 8 GPUs that are not there, DNS."""


@main.command(epilog="Example: python -m e2e.lab up --name second --gpus 4 --node-label pool=small")
@_name
@click.option("--control-plane-only", is_flag=True, help="No node: etcd, API server, controllers, scheduler.")
@click.option("--api-only", is_flag=True, help="etcd and API server, nothing else.")
@click.option("--audit/--no-audit", default=True, show_default=True, help="Log every write to the API server.")
@click.option("--gpus", default=NodeShape().gpus, show_default=True, help="How many GPUs the node advertises.")
@click.option(
    "--node-label",
    "node_labels",
    multiple=True,
    metavar="KEY=VALUE",
    help="Instead of the label of an H100; may be repeated.",
)
def up(
    name: str, *, control_plane_only: bool, api_only: bool, audit: bool, gpus: int, node_labels: tuple[str, ...]
) -> None:
    """Start the lab and wait until it is ready; one that is up stays as it is."""
    labels = dict(_label(text) for text in node_labels) or NodeShape().labels
    extent = Extent.API if api_only else Extent.CONTROL_PLANE if control_plane_only else Extent.NODE
    request = Request(extent=extent, audit=audit, shape=NodeShape(gpus=gpus, labels=labels))
    Lab.up(name=name, request=request)


@main.command(epilog="Example: python -m e2e.lab down --name second")
@_name
def down(name: str) -> None:
    """Remove the lab and everything it left on the machine, also after a start that was killed."""
    remove(Layout(name), progress=Progress())


@main.command("status", epilog="Example: python -m e2e.lab status")
@_name
def show_status(name: str) -> None:
    """Show the lab's components and its node; the exit code is 1 when the lab is not up."""
    lines, healthy = status.describe(Layout(name))
    click.echo("\n".join(lines))
    sys.exit(0 if healthy else 1)


@main.command(epilog='Example: export KUBECONFIG="$(python -m e2e.lab kubeconfig)"')
@_name
def kubeconfig(name: str) -> None:
    """Print the path of the lab's kubeconfig, which works from outside its network namespace."""
    click.echo(Lab.running(name).kubeconfig)


@main.command("provision", epilog="Example: LAB_BIN_DIR=/opt/kubernetes python -m e2e.lab provision")
@click.argument("names", nargs=-1, type=click.Choice([tool.name for tool in tools.TOOLS]))
def provision_tools(names: tuple[str, ...]) -> None:
    """Find, download or build the programs (all, or those NAMED), and install the Debian packages beside them."""
    progress = Progress()
    debian.ensure({**debian.LAB_PACKAGES, **debian.IMAGE_PACKAGES}, progress=progress)
    found = provision.ensure(tools.named(names) if names else tools.TOOLS, progress=progress)
    for name, path in found.items():
        click.echo(f"{name:26} {path}")


@main.command("kubectl", context_settings=_PASS_ON, epilog="Example: python -m e2e.lab kubectl get pods -A")
@_name
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kubectl(name: str, arguments: tuple[str, ...]) -> None:
    """Run kubectl against the lab. Put --name first."""
    program = str(binary("kubectl"))
    os.execvpe(program, [program, *arguments], Lab.running(name).environment)


@main.command("run", context_settings=_PASS_ON, epilog="Example: python -m e2e.lab run curl -s http://10.96.0.1:443")
@_name
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
def run_inside(name: str, argv: tuple[str, ...]) -> None:
    """Run a command in the lab's network namespace, where pod and service addresses answer. Put --name first."""
    lab = Lab.running(name)
    words = netns.command(lab.layout, argv)
    os.execvpe(words[0], words, lab.environment)


@main.command(epilog="Example: python -m e2e.lab load --operator --engine 0.33.0 --engine 0.11.2 other.tar")
@_name
@click.option("--engine", "engines", multiple=True, metavar="VERSION", help="The stand-in engine as this vLLM version.")
@click.option("--operator", is_flag=True, help="The operator, built from the Containerfile and the working tree.")
@click.argument("archives", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def load(name: str, *, engines: tuple[str, ...], operator: bool, archives: tuple[Path, ...]) -> None:
    """Give the node images: the project's own, or those in docker-save ARCHIVES under the names written in them."""
    lab, progress = Lab.running(name), Progress()
    made = [engine.archive(engines, progress=progress)] if engines else []
    made += [operator_image.archive(progress=progress)] if operator else []
    for archive in (*made, *archives):
        with progress.step(f"loaded {archive}"):
            lab.load_image(archive)


@main.command("fake-nodes", epilog="Example: python -m e2e.lab fake-nodes 50")
@_name
@click.argument("count", type=click.IntRange(min=1))
@click.option("--gpus", default=8, show_default=True, help="GPUs of each node.")
def add_fake_nodes(name: str, count: int, gpus: int) -> None:
    """Add COUNT nodes that only claim to run their pods (kwok), tainted so that pods must ask for them."""
    progress = Progress()
    with progress.step(f"{count} fake nodes with {gpus} GPUs each are ready"):
        Lab.running(name).add_fake_nodes(FakeNodes(count, shape=NodeShape(gpus=gpus)), progress=progress)


@main.command(epilog="Example: python -m e2e.lab stop kube-apiserver")
@_name
@click.option("--now", is_flag=True, help="SIGKILL at once, as a crash.")
@click.argument("component")
def stop(name: str, component: str, *, now: bool) -> None:
    """End one component, to see what happens without it."""
    Lab(Layout(name)).stop(component, seconds=0 if now else 10)


@main.command(epilog="Example: python -m e2e.lab start kube-apiserver")
@_name
@click.argument("component")
def start(name: str, component: str) -> None:
    """Start a component again that was ended."""
    Lab(Layout(name)).start(component)


if __name__ == "__main__":
    try:
        host.require_linux()
        main()
    except LabError as error:
        sys.exit(f"error: {error}")
