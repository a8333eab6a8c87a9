"""How data is printed: as a table for people, as JSON or YAML for programs."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
import yaml

FORMATS = ("json", "yaml")

output_option = click.option("-o", "--output", type=click.Choice(FORMATS), help="Print data in this format.")


class PlainDumper(yaml.SafeDumper):
    """A dumper that writes every value in full, without anchors, and texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (PyYAML's signature)
        """Write a value again where it occurs again."""
        return True


AMBIGUOUS = frozenset("yYnN")
"""Texts that PyYAML leaves bare, and that YAML 1.1 and Envoy read as booleans."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if text in AMBIGUOUS else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


PlainDumper.add_representer(str, _text)


def as_yaml(value: Any) -> str:
    """Return *value* as one YAML document."""
    return yaml.dump(value, Dumper=PlainDumper, sort_keys=False, allow_unicode=True, width=120)


def as_yaml_stream(values: Iterable[Any]) -> str:
    """Return *values* as YAML documents."""
    return "---\n".join(as_yaml(value) for value in values)


def as_text(value: Any, output: str) -> str:
    """Return *value* as JSON or YAML, as *output* says."""
    return as_yaml(value) if output == "yaml" else json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return *rows* under *header*, aligned to the left like kubectl's tables."""
    table = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return "".join("   ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in table)
