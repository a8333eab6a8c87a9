"""The schema of every kind obeys the conventions of Kubernetes APIs; a failure lists the fields that do not."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from modelfleet.api.kinds import KINDS
from modelfleet.api.schema.crd import Kind, crd
from modelfleet.cli.output import as_yaml

LAST_APPLIED_LIMIT = 256 * 1024
"""kubectl apply keeps the whole object in an annotation, and annotations end here."""
DEFAULT_ONLY_SHOWN = {"spec.engine.image"}
"""Defaults that change with every release: the reference and `kubectl explain` show them, the description does not."""
WILL_OFFER_MORE = {"spec.autoscaling.mode"}
"""Required fields with one value so far: what says it means the same once there are more, and one is the default."""

Node = Mapping[str, Any]
Holds = Callable[[str, Node], bool]


def version(kind: Kind) -> Node:
    """Return the only version of a kind."""
    only: Node = crd(kind)["spec"]["versions"][0]
    return only


def nodes(schema: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Yield every field below *schema* with its path; items end in `[]`, the values of maps in `{}`."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from nodes(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield f"{path}{mark}", schema[key]
            yield from nodes(schema[key], f"{path}{mark}")


def offenders(holds: Holds, *parts: str) -> list[str]:
    """Return the fields below *parts* of every kind for which *holds* is false."""
    fields = (
        (f"{kind.name} {path}", path, node)
        for kind in KINDS
        for part in parts
        for path, node in nodes(version(kind)["schema"]["openAPIV3Schema"]["properties"][part], part)
    )
    return [label for label, path, node in fields if not holds(path, node)]


def is_value(path: str) -> bool:
    """Whether *path* is an item or a map's value, which its list or map describes."""
    return path.endswith(("[]", "{}"))


def test_descriptions_begin_with_the_fields_name_and_are_sentences() -> None:
    def holds(path: str, node: Node) -> bool:
        description = node.get("description", "")
        return is_value(path) or (description.split(" ")[0] == path.rpartition(".")[2] and description.endswith("."))

    assert offenders(holds, "spec", "status") == []


def test_defaults_are_in_the_descriptions() -> None:
    def holds(path: str, node: Node) -> bool:
        default = node.get("default")
        said = str(default).lower() if isinstance(default, bool) else str(default)
        return default is None or isinstance(default, dict) or said in node["description"] or path in DEFAULT_ONLY_SHOWN

    assert offenders(holds, "spec") == []


def test_nothing_is_a_float_or_of_any_type() -> None:
    def holds(path: str, node: Node) -> bool:
        is_open = node.get("x-kubernetes-int-or-string") or node.get("x-kubernetes-preserve-unknown-fields")
        return bool(node.get("type") in {"string", "integer", "boolean", "array", "object"} or is_open)

    assert offenders(holds, "spec", "status") == []


def test_texts_are_bounded() -> None:
    def holds(path: str, node: Node) -> bool:
        is_text = node.get("type") == "string" or node.get("x-kubernetes-int-or-string")
        return not is_text or "enum" in node or "maxLength" in node or path.endswith("{}")

    assert offenders(holds, "spec") == []


def test_integers_have_both_bounds() -> None:
    def holds(path: str, node: Node) -> bool:
        return node.get("type") != "integer" or {"minimum", "maximum"} <= node.keys()

    assert offenders(holds, "spec") == []


def test_lists_and_maps_are_bounded_and_lists_say_how_they_merge() -> None:
    def holds(path: str, node: Node) -> bool:
        if node.get("type") == "array":
            return {"maxItems", "x-kubernetes-list-type"} <= node.keys()
        return not isinstance(node.get("additionalProperties"), dict) or "maxProperties" in node

    assert offenders(holds, "spec", "status") == []


def test_keys_of_lists_are_required_fields_of_their_items() -> None:
    def holds(path: str, node: Node) -> bool:
        keys = set(node.get("x-kubernetes-list-map-keys", ()))
        return keys <= set(node.get("items", {}).get("required", ()))

    assert offenders(holds, "spec", "status") == []


def test_enums_offer_a_choice() -> None:
    def holds(path: str, node: Node) -> bool:
        if path in WILL_OFFER_MORE:
            return "default" not in node
        choices = [choice.lower() for choice in node.get("enum", ("one", "two"))]
        return len(set(choices)) == len(choices) > 1

    assert offenders(holds, "spec", "status") == []


def test_names_are_camel_case() -> None:
    def holds(path: str, node: Node) -> bool:
        return re.fullmatch(r"[a-z][A-Za-z0-9]*(\[\]|\{\})*", path.rpartition(".")[2]) is not None

    assert offenders(holds, "spec", "status") == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_definition_fits_into_the_annotation_of_kubectl_apply(kind: Kind) -> None:
    assert len(as_yaml(crd(kind)).encode()) < LAST_APPLIED_LIMIT


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_conditions_merge_by_type_and_begin_as_unknown(kind: Kind) -> None:
    status = version(kind)["schema"]["openAPIV3Schema"]["properties"]["status"]

    assert status["properties"]["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert [(found["type"], found["status"], found["reason"]) for found in status["default"]["conditions"]] == [
        ("Ready", "Unknown", "Pending")
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_columns_begin_with_ready_end_with_age_and_are_described(kind: Kind) -> None:
    columns = version(kind)["additionalPrinterColumns"]

    assert [columns[0]["name"], columns[-1]["name"]] == ["Ready", "Age"]
    assert all(column["description"] for column in columns)
