"""Every command explains itself, and the program starts quickly."""

import subprocess
import sys

import pytest
from tests.cli.running import modelfleet

from modelfleet import __version__
from modelfleet.cli.main import COMMANDS

HEAVY = ("aiohttp", "httpx", "kopf", "kubernetes", "pydantic", "yaml")


def test_help_lists_every_command_with_its_purpose() -> None:
    result = modelfleet("--help")

    assert result.exit_code == 0
    for name, purpose in COMMANDS.items():
        assert name in result.output
        assert purpose in result.output


@pytest.mark.parametrize(
    "arguments", [(), *((name,) for name in COMMANDS)], ids=lambda arguments: " ".join(arguments) or "main"
)
def test_help_has_an_example_and_the_exit_codes(arguments: tuple[str, ...]) -> None:
    result = modelfleet(*arguments, "--help")

    assert result.exit_code == 0
    assert "\n  Example:\n    " in result.output
    assert "Exit codes: 0 when all is well, 1 when" in result.output


@pytest.mark.parametrize("name", ["validate", "render", "fit", "simulate", "crds"])
def test_commands_that_print_data_offer_json_and_yaml(name: str) -> None:
    assert "-o, --output [json|yaml]" in modelfleet(name, "--help").output


def test_version() -> None:
    assert modelfleet("--version").output == f"modelfleet, version {__version__}\n"


def test_unknown_command_is_a_usage_error() -> None:
    result = modelfleet("explode")

    assert result.exit_code == 2
    assert "No such command 'explode'" in result.output


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom modelfleet.cli import main\nmain(['--help'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.splitlines()[-1] == "[]"


def test_validate_imports_no_client_of_the_cluster() -> None:
    program = (
        "import sys\nimport modelfleet.cli.validate, modelfleet.cli.render, modelfleet.cli.fit, modelfleet.cli.run\n"
        "print([name for name in ('aiohttp', 'httpx', 'kopf', 'kubernetes') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_names_the_program(shell: str) -> None:
    result = modelfleet("completion", shell)

    assert result.exit_code == 0
    assert "_MODELFLEET_COMPLETE" in result.output
