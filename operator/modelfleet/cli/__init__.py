"""The command line: `modelfleet`, and `kubectl modelfleet`, which is the same program."""

from modelfleet.cli.main import main

__all__ = ["main"]
