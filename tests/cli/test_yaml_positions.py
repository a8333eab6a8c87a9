"""YAML means what it means to kubectl, and every field has a line."""

from typing import Any

import pytest
import yaml

from modelfleet.cli.yaml_positions import Document, documents


def only(text: str) -> Document:
    (document,) = documents(text)
    return document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", True), ("n", False), ("Off", False), ("TRUE", True), ("nO", "nO"),
        ("~", None), ("null", None), ("", None), ("nil", "nil"),
        ("1", 1), ("-1", -1), ("+1", 1), ("1_000", 1000), ("0x1F", 31), ("0o17", 15),
        ("017", 15), ("0b11", 3), ("08", 8), ("0", 0),
        ("1.5", 1.5), ("2.0", 2), ("1e1", 10), ("1e400", float("inf")), (".5", 0.5),
        (".inf", float("inf")), ("1e", "1e"),
        ("2026-01-01", "2026-01-01"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("1:30", "1:30"),
        ("0.33.0", "0.33.0"),
        ('"1"', "1"), ("'yes'", "yes"), ("25%", "25%"), ("50Gi", "50Gi"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_they_mean_to_kubectl(text: str, value: Any) -> None:
    assert only(f"field: {text}").value == {"field": value}
    assert type(only(f"field: {text}").value["field"]) is type(value)


def test_keys_are_texts() -> None:
    assert only("1: a\ntrue: b\nc: d").value == {"1": "a", "true": "b", "c": "d"}


def test_fields_have_lines() -> None:
    document = only("# comment\nspec:\n  env:\n  - name: A\n    value: b\n  - name: B\n")

    assert document.line(("spec",)) == 2
    assert document.line(("spec", "env", 0, "value")) == 5
    assert document.line(("spec", "env", 1)) == 6


def test_field_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    document = only("spec:\n  model:\n    source: a\n")

    assert document.line(("spec", "model", "adapters", 0)) == 2
    assert document.line(("other",)) == 1


def test_key_that_is_set_twice_is_remembered_and_the_last_one_counts() -> None:
    document = only("spec:\n  a: 1\n  b: 1\n  a: 2\n")

    assert document.value == {"spec": {"a": 2, "b": 1}}
    assert document.repeated == [("spec", "a")]
    assert document.line(("spec", "a")) == 4


def test_aliases_and_merges_are_followed() -> None:
    document = only(
        "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\nboth: {b: 0, <<: [{a: 5}, *base]}\nsame: *base\n"
    )

    assert document.value["more"] == {"a": 1, "b": 3}
    assert document.value["both"] == {"a": 5, "b": 0}
    assert document.value["same"] == {"a": 1, "b": 2}
    assert document.repeated == []


def test_documents_of_a_stream_are_apart_and_empty_ones_are_left_out() -> None:
    found = list(documents("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n"))

    assert [document.value for document in found] == [{"a": 1}, {"b": 2}]
    assert found[1].line(("b",)) == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: [1", "expected ',' or ']'", id="a list without an end"),
        pytest.param("a: &a [*a]", "must not contain itself", id="an alias inside itself"),
        pytest.param("? [a]\n: b", "a key must be a text", id="a key that is a list"),
        pytest.param("<<: 1", "must take over a mapping", id="a merge of a number"),
    ],
)
def test_what_is_not_yaml_says_where(text: str, problem: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match=problem) as raised:
        list(documents(text))

    assert raised.value.problem_mark is not None
