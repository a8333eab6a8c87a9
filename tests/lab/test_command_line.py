"""The lab's commands help themselves."""

import click
import pytest
from click.testing import CliRunner
from e2e.lab.__main__ import main


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_shows_an_example(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])

    assert result.exit_code == 0
    assert "Example: " in result.output


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself(name: str) -> None:
    command = main.commands[name]

    assert isinstance(command, click.Command)
    assert command.help


def test_a_label_without_a_value_is_refused() -> None:
    result = CliRunner().invoke(main, ["up", "--node-label", "pool"])

    assert result.exit_code != 0
    assert "KEY=VALUE" in result.output
