"""The manifests of files, directories and the standard input, with the line of every field."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import yaml

from modelfleet.cli.yaml_positions import Document, documents
from modelfleet.cli.yaml_positions import Path as FieldPath

STANDARD_INPUT = "-"
SUFFIXES = {".yaml", ".yml", ".json"}

paths_option = click.option(
    "-f",
    "--filename",
    "paths",
    multiple=True,
    type=click.Path(exists=True, allow_dash=True, path_type=str),
    help="File, directory (with everything below it) or - for the standard input; may be repeated.",
)
more_paths = click.argument("more", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=str))


class UnreadableError(Exception):
    """A file is not YAML."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file, self.line, self.message = file, line, message


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object, and where it was read."""

    file: str
    data: Mapping[str, Any]
    document: Document
    at: FieldPath = ()
    """at is where the object is in its document: not at the root for an item of a List."""

    @property
    def api_version(self) -> str:
        """Return `apiVersion` as it is written."""
        return str(self.data.get("apiVersion", ""))

    @property
    def kind(self) -> str:
        """Return `kind` as it is written."""
        return str(self.data.get("kind", ""))

    @property
    def name(self) -> str:
        """Return the object's name, or `?` where it has none."""
        metadata = self.data.get("metadata")
        return str(metadata.get("name", "?")) if isinstance(metadata, Mapping) else "?"

    @property
    def namespace(self) -> str:
        """Return the object's namespace."""
        metadata = self.data.get("metadata")
        return str(metadata.get("namespace", "default")) if isinstance(metadata, Mapping) else "default"

    @property
    def repeated(self) -> list[FieldPath]:
        """Return the fields that were set twice."""
        length = len(self.at)
        return [path[length:] for path in self.document.repeated if path[:length] == self.at]

    def line(self, path: FieldPath = ()) -> int:
        """Return the line of a field."""
        return self.document.line(self.at + path)


def read(paths: Iterable[str]) -> Iterator[Manifest]:
    """Yield the objects of *paths*, the items of Lists by themselves; raise `UnreadableError` for what is not YAML."""
    for path in paths:
        for file, text in _texts(path):
            yield from _manifests(file, text)


def given(paths: tuple[str, ...], more: tuple[str, ...]) -> list[Manifest]:
    """Return the objects of all paths on the command line; there must be one."""
    if not (paths or more):
        raise click.UsageError("at least one path must be given with -f")
    try:
        return list(read((*paths, *more)))
    except UnreadableError as error:
        raise click.ClickException(str(error)) from error


def _texts(path: str) -> Iterator[tuple[str, str]]:
    if path == STANDARD_INPUT:
        yield "<stdin>", sys.stdin.read()
    elif Path(path).is_dir():
        files = sorted(file for file in Path(path).rglob("*") if file.suffix in SUFFIXES and file.is_file())
        yield from ((str(file), file.read_text(encoding="utf-8")) for file in files)
    else:
        yield path, Path(path).read_text(encoding="utf-8")


def _manifests(file: str, text: str) -> Iterator[Manifest]:
    try:
        for document in documents(text):
            yield from _objects(file, document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise UnreadableError(file, mark.line + 1 if mark else 1, f"must be YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UnreadableError(file, 1, f"must be YAML: {error}") from error


def _objects(file: str, document: Document) -> Iterator[Manifest]:
    value = document.value
    if not isinstance(value, Mapping):
        raise UnreadableError(file, document.line(()), "must be an object with `apiVersion` and `kind`")
    items = value.get("items")
    if str(value.get("kind", "")).endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, Mapping):
                yield Manifest(file, item, document, ("items", index))
    else:
        yield Manifest(file, value, document)
