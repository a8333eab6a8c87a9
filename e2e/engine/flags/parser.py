"""The parser of `vllm serve`: argparse with vLLM's habits, prefix matching included."""

import argparse
from collections.abc import Sequence
from functools import cache
from typing import Any

from e2e.engine.flags.catalogue import Flag, flags_of
from e2e.engine.flags.spelling import normalise
from e2e.engine.flags.values import READERS
from e2e.engine.release import Release


def parse(arguments: Sequence[str], *, release: Release) -> argparse.Namespace:
    """
    Return what *arguments* (`serve MODEL --flag …`) mean to *release*.

    Ends the process as argparse does: exit code 2 and its message for an unknown flag or a bad value, 0 for `--help`
    and `--version`. A prefix of a flag is accepted, as vLLM accepts it.
    """
    return _parser(release).parse_args(normalise(arguments))


@cache
def _parser(release: Release) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vllm", description="vLLM CLI")
    parser.add_argument("-v", "--version", action="version", version=str(release))
    commands = parser.add_subparsers(required=False, dest="subparser")
    serve = commands.add_parser("serve", usage="vllm serve [model_tag] [options]")
    serve.add_argument("model_tag", nargs="?")
    for flag in flags_of(release):
        _add(serve, flag)
    return parser


class _Boolean(argparse.Action):
    """A flag with names that set it and names that clear it."""

    def __init__(self, option_strings: Sequence[str], dest: str, *, clears: Sequence[str], default: Any) -> None:
        super().__init__([*option_strings, *clears], dest, nargs=0, default=default)
        self.clears = clears

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        del parser, values
        setattr(namespace, self.dest, option_string not in self.clears)


def _add(parser: argparse.ArgumentParser, flag: Flag) -> None:
    if flag.kind == "switch":
        parser.add_argument(*flag.names, dest=flag.dest, action="store_true")
    elif flag.kind == "bool":
        parser.add_argument(*flag.names, dest=flag.dest, action=_Boolean, clears=flag.clears, default=flag.default)
    else:
        _add_valued(parser, flag)


def _add_valued(parser: argparse.ArgumentParser, flag: Flag) -> None:
    options: dict[str, Any] = {"type": READERS[flag.kind], "default": flag.default, "dest": flag.dest}
    if flag.repeat:
        parser.add_argument(*flag.names, action="append", **options)
        return
    options |= {"nargs": flag.nargs} if flag.nargs else {}
    options |= {"choices": list(flag.choices)} if flag.choices else {}
    parser.add_argument(*flag.names, **options)
