"""The list of commands; each is imported when it is used, so that the program starts quickly."""

import importlib

import click

from modelfleet import __version__
from modelfleet.cli.help_text import epilog

COMMANDS = {
    "validate": "Check manifests as the API server and the operator would.",
    "render": "Print the Kubernetes objects of fleets.",
    "gateway": "Show what every model name means at the gateway.",
    "fit": "Show on how many accelerators a model fits.",
    "simulate": "Simulate a fleet under a load, with the operator's scaler.",
    "crds": "Print the CustomResourceDefinitions.",
    "run": "Run the operator.",
    "completion": "Print the completion script of a shell.",
}

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Commands(click.Group):
    """A group whose commands are modules of the same name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the names of the commands in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click's signature)
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"modelfleet.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click's signature)
        """Write the commands with their purpose, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings=CONTEXT,
    epilog=epilog(
        "modelfleet validate -f manifests/",
        "modelfleet fit --model meta-llama/Llama-3.1-8B-Instruct --accelerator nvidia-l40s-48gb",
    ),
)
@click.version_option(__version__, prog_name="modelfleet")
def main() -> None:
    """Serve large language models with fleets of vLLM replicas on Kubernetes."""
