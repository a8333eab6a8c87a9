"""
The reference pages of the kinds, from the same schema the API server gets: `python -m modelfleet.api.reference`.

A page has one section per object of the kind, in the order of its fields, each with a table of fields and its rules.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from modelfleet.api import conditions
from modelfleet.api.conditions import ConditionType, Reason
from modelfleet.api.kinds import KINDS
from modelfleet.api.names import API_VERSION
from modelfleet.api.schema.crd import Kind, crd
from modelfleet.api.schema.structural import Schema
from modelfleet.api.schema.types import WHOLE

DIRECTORY = Path("docs/reference")
DATE_TIME = "a time in RFC 3339"


@dataclass(frozen=True, slots=True)
class Field:
    """One row of a table."""

    name: str
    type: str
    required: bool
    default: str
    bounds: str
    description: str


@dataclass(frozen=True, slots=True)
class Section:
    """One object of a kind: its path, what it is, its fields and its rules."""

    path: str
    description: str
    fields: tuple[Field, ...]
    rules: tuple[str, ...]


def pages() -> dict[str, str]:
    """Return the text of every page, by file name."""
    kinds = {f"{kind.name.lower()}.md": kind_page(kind) for kind in KINDS}
    return {"README.md": _render("index.md.j2", kinds=KINDS), **kinds, "conditions.md": conditions_page()}


def kind_page(kind: Kind) -> str:
    """Return the page of *kind*."""
    version = crd(kind)["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    parts = schema["properties"]
    return _render(
        "kind.md.j2",
        kind=kind,
        api_version=API_VERSION,
        description=schema["description"],
        rules=_rules(schema),
        columns=[column["name"] for column in version["additionalPrinterColumns"] if not column.get("priority")],
        wide_columns=[column["name"] for column in version["additionalPrinterColumns"] if column.get("priority")],
        sections=[*sections(parts["spec"], "spec"), *sections(parts["status"], "status")],
    )


def conditions_page() -> str:
    """Return the page of condition types and reasons."""
    types, reasons = members(ConditionType), members(Reason)
    return _render("conditions.md.j2", types=types, reasons=reasons)


def sections(schema: Schema, path: str) -> Iterator[Section]:
    """Yield the section of the object at *path*, then those of the objects inside it."""
    names = schema.get("properties", {})
    required = schema.get("required", ())
    rows = tuple(_field(name, child, required=name in required, path=path) for name, child in names.items())
    yield Section(path, schema.get("description", ""), rows, tuple(_rules(schema)))
    for name, child in names.items():
        if "properties" in child:
            yield from sections(child, f"{path}.{name}")
        elif "properties" in child.get("items", {}):
            yield from sections(child["items"], f"{path}.{name}[]")


def members(enum: type[StrEnum]) -> dict[str, str]:
    """Return the value of every member of *enum* with the sentence below it; one without a sentence raises KeyError."""
    tree = ast.parse(inspect.getsource(conditions))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == enum.__name__)
    sentences: dict[str, str] = {}
    for assignment, sentence in pairwise(body):
        if isinstance(assignment, ast.Assign) and isinstance(sentence, ast.Expr):
            sentences[ast.unparse(assignment.targets[0])] = ast.literal_eval(sentence.value)
    return {member.value: sentences[member.name] for member in enum}


def _field(name: str, schema: Schema, *, required: bool, path: str) -> Field:
    bounds = [*_bounds(schema), *(_rules(schema) if "properties" not in schema else ())]
    return Field(
        name=name,
        type=_type(schema, f"{path}.{name}"),
        required=required,
        default=_default(schema),
        bounds="; ".join(bounds),
        description=schema.get("description", ""),
    )


def _type(schema: Schema, path: str) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if schema["type"] == "array":
        return f"list of {_plural(_type(schema['items'], f'{path}[]'))}"
    if schema["type"] == "object":
        return _object_type(schema, path)
    return DATE_TIME if schema.get("format") == "date-time" else str(schema["type"])


def _object_type(schema: Schema, path: str) -> str:
    if "properties" in schema:
        return f"[object](#{_anchor(path)})"
    values = schema.get("additionalProperties")
    return f"map of {_plural(_type(values, path))}" if values else "free-form object"


def _plural(noun: str) -> str:
    return noun.replace("object", "objects") if "object" in noun else f"{noun}s"


def _anchor(path: str) -> str:
    """Return the anchor that Markdown renderers give the heading of *path*."""
    return "".join(letter for letter in path.lower() if letter.isalnum())


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None or isinstance(default, dict | list):
        return ""  # the defaults inside it have rows of their own
    return f"`{default}`" if isinstance(default, str) and default else f"`{json.dumps(default)}`"


def _bounds(schema: Schema) -> Iterator[str]:
    yield from _range(schema, "minimum", "maximum", "")
    yield from _range(schema, "minLength", "maxLength", " characters")
    yield from _range(schema, "minItems", "maxItems", " items")
    yield from _range(schema, "minProperties", "maxProperties", " entries")
    if keys := schema.get("x-kubernetes-list-map-keys"):
        yield f"{' and '.join(f'`{key}`' for key in keys)} may not repeat"
    if schema.get("x-kubernetes-list-type") == "set":
        yield "items may not repeat"
    if "pattern" in schema:
        yield f"like `{schema['pattern']}`"
    if isinstance(schema.get("items"), Mapping) and "properties" not in schema["items"]:
        yield from (f"each {bound}" for bound in _bounds(schema["items"]))


def _range(schema: Schema, low: str, high: str, unit: str) -> Iterator[str]:
    least, most = schema.get(low), schema.get(high)
    if least is not None and most is not None:
        yield f"{_number(least)} to {_number(most)}{unit}"
    elif most is not None:
        yield f"at most {_number(most)}{unit}"
    elif least is not None:
        yield f"at least {_number(least)}{unit}"


def _number(value: Any) -> str:
    return f"{value:,}".replace(",", " ")


def _rules(schema: Schema) -> list[str]:
    own = [rule for rule in schema.get("x-kubernetes-validations", ()) if rule not in WHOLE["x-kubernetes-validations"]]
    return [rule["message"] for rule in own]


def _prose(text: str) -> str:
    """Return *text* with the placeholders outside code, such as <bucket>, kept from looking like HTML."""
    parts = text.split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def _cell(text: str) -> str:
    """Return *text* so that it stays inside its cell of a table."""
    return _prose(text).replace("|", "\\|").replace("\n", " ")


def _render(template: str, **values: Any) -> str:
    environment = Environment(  # noqa: S701 (Markdown, not HTML)
        loader=PackageLoader("modelfleet.api"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"cell": _cell, "prose": _prose}
    return environment.get_template(template).render(**values).rstrip() + "\n"


def write(directory: Path) -> None:
    """Write every page into *directory*."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY)
