"""Values around the edges of a schema: what a field takes, just takes, just refuses and never takes."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.api.specs.manifests import REMOVED

INT64_MAX = 2**63 - 1
OTHER_TYPES: tuple[Any, ...] = ("text", "7", 7, 2.0, 2.5, True, [], {}, [None], {"a": "b"})
AWKWARD_TEXT = (
    " ",
    "a b",
    "..",
    "a/../b",
    "é",
    "٣",
    "😀",
    "A",
    "-a",
    "a-",
    "a\n",
    "\ta",
    "0",
    "a" * 64,
    "%",
    "ſ",
    "a\x00",
)
SOURCES = (
    "hf://a", "hf://a/b/c", "hf:///b", "hf://", "HF://a/b", "hf://a/b?x=1", "s3://b", "s3://B/x",
    "s3://bucket/a b", "s3://bucket//x", "gs://bucket/x/", "oci://registry.example", "oci://r.example/i:t@sha256:0",
    "oci://r.example:5000/a/b:v1", "pvc://claim", "pvc://Claim/x", "pvc://claim/a/b/", "http://a/b", "/models/x",
)  # fmt: skip
IMAGES = (
    "vllm",
    "vllm:latest",
    "vllm:v0.33",
    "vllm:v0.33.0",
    "vllm:0.33.0rc1",
    "vllm:v0.33.0-x@sha256:" + "0" * 64,
    "vllm:v0.33.0\n",
    ":v1.2.3",
)
QUANTITIES: tuple[Any, ...] = (
    0, 1, -1, 2.0, "0", "-1", "+1", "1.5", ".5", "1.", "1e3", "1Gi", "1 Gi", "1GiB", "1k", "1K", "1Ki", "1m", "1n", "",
    "Gi", "1Gi\n", "9" * 32, "9" * 33, INT64_MAX, True, "100%", "101%", "0%", "00%", "25%", "%", "١",
)  # fmt: skip
FREE_OBJECTS: tuple[Any, ...] = (
    {},
    {"a": None},
    {"a": {"b": [1, None, "x", 2.5]}},
    {"metadata": {"name": "x"}},
    "x",
    [],
    [{}],
    1,
)


def variants(schema: Mapping[str, Any], value: Any, *, other_types: bool = True) -> Iterator[tuple[str, Any]]:
    """Yield a word and a value for every way to change *value*, which *schema* describes."""
    yield "missing", REMOVED
    yield "null", None
    yield from ((f"other type {other!r}", other) for other in OTHER_TYPES if other_types)
    if schema.get("x-kubernetes-int-or-string"):
        yield from ((f"int or string {other!r:.40}", other) for other in QUANTITIES)
    else:
        yield from BY_TYPE[schema["type"]](schema, value)


def _integers(schema: Mapping[str, Any], _value: Any) -> Iterator[tuple[str, Any]]:
    low, high = schema.get("minimum", 0), schema.get("maximum", INT64_MAX)
    bounds = (low - 1, low, low + 1, high - 1, high, high + 1)
    yield from ((f"integer {number}", number) for number in (*bounds, -1, 1, INT64_MAX, INT64_MAX + 1))


def _booleans(_schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    yield "the other boolean", not value
    yield "a boolean as text", "true"


def _strings(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    yield from ((f"enum {word!r}", word) for word in schema.get("enum", ()))
    topical = SOURCES if "x-kubernetes-validations" in schema else IMAGES if "/@" in schema.get("pattern", "") else ()
    yield from ((f"text {word!r:.40}", word) for word in (*AWKWARD_TEXT, *topical))
    yield "other case", str(value).swapcase()
    yield "trailing newline", f"{value}\n"
    for length in (schema.get("maxLength", 0), schema.get("maxLength", 0) + 1):
        yield f"{length} characters", str(value).ljust(length, "a")[:length]
        yield f"{length} characters outside the basic plane", "😀" * length


def _arrays(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    first = value[0] if value else "x"
    yield "empty", []
    yield "the first item twice", [*value, first]
    yield "a null among the items", [*value, None]
    yield "the first item in place of the list", first
    for length in (schema["maxItems"], schema["maxItems"] + 1):
        yield f"{length} equal items", [first] * length
        yield f"{length} items", [_numbered(first, number) for number in range(length)]


def _numbered(item: Any, number: int) -> Any:
    """Return *item* with the number in every text, so that items differ."""
    if isinstance(item, dict):
        return {key: f"{child}{number}" if key in {"name", "mountPath"} else child for key, child in item.items()}
    return f"{item}{number}"


def _objects(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        yield from ((f"free-form {other!r}", other) for other in FREE_OBJECTS)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _maps(schema)
    yield "an unknown field", value | {"unknownField": 1}
    yield "an unknown null", value | {"unknownField": None}
    yield "an empty field name", value | {"": "x"}
    for name, child in schema.get("properties", {}).items():
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        if snake != name and name in value:
            yield (
                f"`{name}` as Python spells it",
                {key: child for key, child in value.items() if key != name} | {snake: value[name]},
            )
        if name not in value:
            yield f"`{name}` null where it was absent", value | {name: None}
            yield f"`{name}` as the schema's type suggests", value | {name: _plain(child)}


def _maps(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    most = schema.get("maxProperties", 0)
    yield from ((f"a map of {length}", {f"k{number}": "v" for number in range(length)}) for length in (most, most + 1))
    yield from ((f"a map with {other!r}", {"k": other}) for other in OTHER_TYPES)
    yield "a map with a null", {"k": None}
    for key in ("modelfleet.dev/fleet", "app.kubernetes.io/name", "a b", "é", "k" * 400):
        yield f"a map with the key {key!r:.40}", {key: "v"}


def _plain(schema: Mapping[str, Any]) -> Any:
    """Return a value of the schema's type that may or may not be valid."""
    if schema.get("enum"):
        return schema["enum"][0]
    if schema.get("x-kubernetes-int-or-string"):
        return 1
    return {"string": "a", "integer": max(1, schema.get("minimum", 1)), "boolean": True, "array": [], "object": {}}[
        schema["type"]
    ]


BY_TYPE = {"integer": _integers, "boolean": _booleans, "string": _strings, "array": _arrays, "object": _objects}
