"""`modelfleet completion`: the script that makes a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

from modelfleet.cli.help_text import epilog

PROGRAM = "modelfleet"
VARIABLE = "_MODELFLEET_COMPLETE"


@click.command(
    name="completion",
    epilog=epilog(
        'eval "$(modelfleet completion bash)"',
        "modelfleet completion fish > ~/.config/fish/completions/modelfleet.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL; source it, or put it where the shell looks for scripts."""
    generator = get_completion_class(shell)
    if generator is None:
        raise click.ClickException(f"`SHELL` must be one click knows, found {shell!r}")
    click.echo(generator(context.find_root().command, {}, PROGRAM, VARIABLE).source())
