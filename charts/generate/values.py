"""values.yaml → its documented values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

COMMENT = re.compile(r"^ *# -- (?P<text>.+)$")
KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][A-Za-z0-9]*):")
INDENT = 2

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """One value a user may set; *path* leads to it from the root."""

    path: Path
    default: Any
    description: str

    @property
    def name(self) -> str:
        """Return the path as `--set` takes it."""
        return ".".join(self.path)


def documented_values(text: str) -> tuple[Value, ...]:
    """Return the values of *text* that have a `# --` sentence above them, in order."""
    defaults = yaml.safe_load(text)
    return tuple(
        Value(path, value_at(defaults, path), description) for path, description in _commented_keys(text) if description
    )


def undocumented_values(text: str) -> tuple[str, ...]:
    """Return the leaves of *text* that neither have a sentence nor lie within a value that has one."""
    documented = {value.path for value in documented_values(text)}
    leaves = _leaves(yaml.safe_load(text))
    return tuple(".".join(leaf) for leaf in leaves if not any(leaf[:end] in documented for end in range(len(leaf) + 1)))


def value_at(values: Any, path: Path) -> Any:
    """Return what *path* leads to in *values*; raise KeyError where it leads nowhere."""
    for key in path:
        values = values[key]
    return values


def _commented_keys(text: str) -> Iterator[tuple[Path, str]]:
    path: Path = ()
    comment = ""
    for line in text.splitlines():
        if found := COMMENT.match(line):
            comment = found["text"]
        elif found := KEY.match(line):
            path = (*path[: len(found["indent"]) // INDENT], found["key"])
            yield path, comment
            comment = ""


def _leaves(values: Any, path: Path = ()) -> Iterator[Path]:
    if not isinstance(values, dict) or not values:
        yield path
        return
    for key, value in values.items():
        yield from _leaves(value, (*path, key))
