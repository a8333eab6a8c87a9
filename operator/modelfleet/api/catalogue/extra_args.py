"""
What is wrong with arguments a user adds to `vllm serve`.

They are read as argparse reads them, but without its guessing: a prefix of a flag is refused, although vLLM takes it,
because the next version may have two flags that begin so. `--flag=value`, `--flag value`, dotted parts of JSON
flags (`--flag.key value`, `--flag.list+ value`) and short aliases (`-tp`) are understood.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelfleet.api.catalogue.engine_version import NEWEST, EngineVersion
from modelfleet.api.catalogue.errors import nearest, quoted
from modelfleet.api.catalogue.flag_table import Flag, Kind, flag_table

NUMBER = re.compile(r"^-\d+$|^-\d*\.\d+$", re.ASCII)
"""What argparse takes for a value although it begins with a dash."""
OPTIMIZATION = re.compile(r"^-O(\d|\.[a-z_.]+)?$", re.ASCII)
"""`-O2` and `-O.mode`: short for parts of `--compilation-config`."""
VALUE: Mapping[Kind, re.Pattern[str]] = {
    "int": re.compile(r"^[+-]?\d+$", re.ASCII),
    "float": re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$", re.ASCII),
    "size": re.compile(r"^\d+(\.\d+)?[kKmMgGtT]?$", re.ASCII),
}
WANTED: Mapping[Kind, str] = {"int": "an integer", "float": "a number", "size": "an integer such as 8192 or 8k"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One argument that must not stay as it is."""

    index: int
    """index is the argument's position in the list."""
    argument: str
    """argument is the argument as the user wrote it."""
    message: str
    """message says what is wrong and what to do; it reads on from the field's name."""


@dataclass(frozen=True, slots=True)
class _Use:
    """A flag with the values that follow it."""

    index: int
    argument: str
    word: str
    values: tuple[str, ...]
    is_joined: bool
    """is_joined is true for `--flag=value`."""


def check(args: Sequence[str], *, version: EngineVersion, owned: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with *args* for vLLM *version*, in order; *owned* maps flags to what to do instead."""
    problems = []
    for use in _uses(args):
        message = _misuse(use, version, owned)
        if message is not None:
            problems.append(Problem(use.index, use.argument, message))
    return problems


def _uses(args: Sequence[str]) -> Iterator[_Use]:
    """Split *args* into flags with their values; values before the first flag stand alone, under no word."""
    index = 0
    while index < len(args):
        start = index
        index += 1
        while index < len(args) and not is_flag(args[index]):
            index += 1
        argument = args[start]
        if not is_flag(argument):
            yield _Use(start, argument, "", (argument,), is_joined=False)
            continue
        word, joined, value = argument.partition("=")
        values = ((value,) if joined else ()) + tuple(args[start + 1 : index])
        yield _Use(start, argument, word, values, is_joined=bool(joined))


def is_flag(argument: str) -> bool:
    """Return whether argparse reads *argument* as a flag, not as a value."""
    return argument.startswith("-") and argument != "-" and " " not in argument and not NUMBER.match(argument)


def _misuse(use: _Use, version: EngineVersion, owned: Mapping[str, str]) -> str | None:
    """Return what is wrong with one flag and its values, or None."""
    if not use.word:
        return _stray(use.argument)
    if OPTIMIZATION.match(use.word):
        return _of_another_version(flag_table().flags["--compilation-config"], use.word, version)
    stem, dot, _ = use.word.partition(".")
    known = flag_table().named(stem)
    if known is not None and (advice := _advice(known, stem, owned)):
        return f'must not be "{stem}": {advice}'
    flag = flag_table().resolve(stem, min(version, NEWEST))
    if flag is None:
        return _of_another_version(known, stem, version) if known else _unknown(stem, version, owned)
    if dot:
        return None if flag.kind in {"json", None} else f'must not be "{use.word}": "{stem}" is not a JSON object'
    return _wrong_values(use, flag, version)


def _stray(argument: str) -> str:
    first, _, rest = argument.partition(" ")
    if first.startswith("-") and rest:
        return f'must be two arguments, "{first}" and "{rest.strip()}", not one with a space'
    return f'must be a flag such as "--seed", not "{argument}": no flag stands before it'


def _advice(flag: Flag, stem: str, owned: Mapping[str, str]) -> str | None:
    """Return what to do instead of *flag*, which *stem* names; another spelling of an owned flag is owned too."""
    same = flag_table().aliases.get(stem)
    names = (stem, flag.name, *((same.name,) if same else ()))
    return next((owned[name] for name in names if name in owned), None)


def _of_another_version(flag: Flag, word: str, version: EngineVersion) -> str | None:
    known = min(version, NEWEST)
    if flag.first > known:
        return f'must be a flag of vLLM {version}: "{word}" exists from {flag.first} on'
    if not flag.is_in(known):
        return f'must be a flag of vLLM {version}: "{word}" was removed after {flag.last}'
    if word in flag.aliases and word.startswith("--") and known < NEWEST:
        return f'must be a flag of vLLM {version}: "{word}" exists from {NEWEST} on; use "--no-{flag.name[2:]}"'
    return None


def _unknown(word: str, version: EngineVersion, owned: Mapping[str, str]) -> str:
    dashed = word.replace("_", "-")
    names = [name for name, flag in flag_table().flags.items() if flag.is_in(min(version, NEWEST))]
    if dashed != word and dashed in names:
        return f'must be spelled with dashes: "{dashed}", not "{word}"'
    if len(dashed) > len("--") and (longer := [name for name in names if name.startswith(dashed)]):
        return f'must be the full name of a flag: "{word}" begins {_meant(longer[:3], owned)}'
    near = [f"--{name}" for name in nearest(word.lstrip("-"), [name[2:] for name in names], cutoff=0.7)]
    return f'must be a flag of vLLM {version}, not "{word}"' + (
        f"; did you mean {_meant(near, owned)}?" if near else ""
    )


def _meant(names: Sequence[str], owned: Mapping[str, str]) -> str:
    """Return *names* in quotes; of a single one, also what to do instead."""
    advice = owned.get(names[0]) if len(names) == 1 else None
    return f"{quoted(names)} ({advice})" if advice else quoted(names)


def _wrong_values(use: _Use, flag: Flag, version: EngineVersion) -> str | None:
    """Return what is wrong with the values; choices and types are the newest version's, and only it is held to them."""
    count, at_most = len(use.values), {"none": 0, "switch": 0, "one": 1, "optional": 1}.get(flag.values or "many")
    if at_most is not None and count > at_most:
        takes = "takes no value" if at_most == 0 else "takes one value"
        return f'must not be followed by "{use.values[at_most]}": "{use.word}" {takes}'
    if flag.values in {"one", "many"} and count == 0:
        return (
            f'must be followed by a value: "{use.word}" needs one; a value that begins with a dash is joined with "="'
        )
    return _wrong_value(use, flag) if version >= NEWEST else None


def _wrong_value(use: _Use, flag: Flag) -> str | None:
    pattern = VALUE.get(flag.kind) if flag.kind else None
    for value in use.values:
        if flag.choices and value not in flag.choices:
            return f'must be one of {quoted(flag.choices)} for "{use.word}", not "{value}"'
        if flag.kind and pattern and not pattern.match(value):
            return f'must be {WANTED[flag.kind]} for "{use.word}", not "{value}"'
    return None
