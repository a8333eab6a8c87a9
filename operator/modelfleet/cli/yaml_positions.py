"""
YAML as kubectl reads it, with the line of every field.

kubectl turns YAML into JSON first: `yes` and `n` are booleans, `2.0` and `1e1` are the integers 2 and 10, dates are
texts, keys are texts, and a key may not be set twice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import yaml

Path = tuple[str | int, ...]

MAX_WHOLE: Final = 1e21
"""From here on Go writes a float with an exponent, which is no integer any more."""
MERGE: Final = "tag:yaml.org,2002:merge"
DIGIT_FIRST: Final = [*"-+0123456789"]
RESOLVERS: Final = (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""]),
    ("bool", r"[yYnN]|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", [*"yYnNtTfFoO"]),
    ("int", r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", DIGIT_FIRST),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", [*DIGIT_FIRST, "."]),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", [*"-+."]),
    ("merge", r"<<", ["<"]),
)
TRUE: Final = {"y", "yes", "true", "on"}


class KubernetesLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C one where libyaml is
    """A loader that takes plain words for what kubectl takes them for."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _tag, _pattern, _first in RESOLVERS:
    KubernetesLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


@dataclass(slots=True)
class Document:
    """One YAML document: its value, the line each field begins in, and the keys that were set twice."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    repeated: list[Path] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Return the line of the field at *path*, or of what is nearest around it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def documents(text: str) -> Iterator[Document]:
    """Yield the documents of *text* that are not empty; raise yaml.YAMLError where it is not YAML."""
    for node in yaml.compose_all(text, Loader=KubernetesLoader):
        document = Document()
        document.value = _value(node, (), document, ())
        if document.value is not None:
            yield document


def _value(node: yaml.Node, path: Path, document: Document, above: tuple[yaml.Node, ...]) -> Any:
    if any(node is other for other in above):
        raise yaml.constructor.ConstructorError(None, None, "an alias must not contain itself", node.start_mark)
    document.lines.setdefault(path, node.start_mark.line + 1)
    inside = (*above, node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), document, inside) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document, inside)
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, document: Document, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if key_node.tag == MERGE:
            merged = _merged(value_node, path, document, above) | merged
            continue
        key = _key(key_node)
        if key in own:
            document.repeated.append((*path, key))
        document.lines[*path, key] = key_node.start_mark.line + 1
        own[key] = _value(value_node, (*path, key), document, above)
    return merged | own


def _merged(node: yaml.Node, path: Path, document: Document, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
    """Return what `<<` takes over from one mapping or from several, of which the first counts."""
    sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
    result: dict[str, Any] = {}
    for source in sources:
        value = _value(source, path, document, above)
        if not isinstance(value, Mapping):
            raise yaml.constructor.ConstructorError(None, None, "`<<` must take over a mapping", source.start_mark)
        result = dict(value) | result
    return result


def _key(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(None, None, "a key must be a text", node.start_mark)
    value = _scalar(node)
    return value if isinstance(value, str) else str(node.value)


def _scalar(node: yaml.Node) -> Any:
    tag, text = node.tag.rpartition(":")[2], str(node.value)
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() in TRUE
    if tag == "int":
        return _integer(text.replace("_", ""))
    if tag == "float":
        return _number(text)
    return text


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    bases = {"0x": 16, "0o": 8, "0b": 2}
    if digits[:2] in bases:
        return sign * int(digits[2:], bases[digits[:2]])
    return sign * int(digits, 8 if digits.startswith("0") and digits != "0" else 10)


def _number(text: str) -> float | int:
    number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return int(number) if number.is_integer() and abs(number) < MAX_WHOLE else number
