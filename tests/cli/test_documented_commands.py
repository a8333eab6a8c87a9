"""The commands that the documentation shows are ones that the program takes."""

import re
import shlex
from pathlib import Path

import click
import pytest

from modelfleet.cli import main

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
COMMAND = re.compile(r"^(?:\$ )?modelfleet ([a-z].*?)(?:\s+#.*|\s+[>|&].*)?$", re.MULTILINE)
BLOCK = re.compile(r"^```(?:sh|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Return every command in a block of code, without its comment."""
    blocks = (block for page in PAGES for block in BLOCK.findall(page.read_text()))
    return sorted({command for block in blocks for command in COMMAND.findall(block)})


@pytest.mark.parametrize("command", commands())
def test_a_documented_command_is_understood(command: str) -> None:
    complaint = said_against(command)

    # Files of the reader's own are looked for once all options are known.
    assert complaint is None or "does not exist" in complaint


def test_there_are_documented_commands() -> None:
    assert len(commands()) >= 7


def said_against(command: str) -> str | None:
    """Return what the program has against *command*, without running it."""
    assert isinstance(main, click.Group)
    context = click.Context(main, info_name="modelfleet")
    try:
        name, found, arguments = main.resolve_command(context, shlex.split(command))
        assert found
        found.make_context(name, arguments, parent=context)
    except click.UsageError as error:
        return error.message
    return None
