"""An expression is admitted only if RE2 and Python mean the same by it, and if it stays small."""

import warnings

import pytest

from modelfleet.api.v1alpha1.route_policy.regular_expression import MAX_SIZE, full_match, is_understood


@pytest.mark.parametrize(
    "expression",
    [
        "gold",
        "(?i)gold|silver",
        "(?i:gold)-[0-9]{1,3}",
        "(?:a|b)*?c+?",
        r"v\d+\.\d+(\.\d+)?",
        r"[^\]\[a-z-]+",
        r"[\w.+-]+@example\.com",
        r"\x41\b",
        "^a$",
        "|",
        "()",
        "a{1000}",
        "a{0}",
    ],
)
def test_what_both_read_alike_is_admitted(expression: str) -> None:
    assert is_understood(expression)


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("a(?=b)", id="look-ahead"),
        pytest.param("(?<!a)b", id="look-behind"),
        pytest.param(r"(a)\1", id="a back-reference"),
        pytest.param("(?P<x>a)(?P=x)", id="a back-reference by name"),
        pytest.param("(?P<x>a)", id="a named group"),
        pytest.param("a*+", id="a possessive repetition"),
        pytest.param("(?>a)", id="an atomic group"),
        pytest.param("(a)?(?(1)b|c)", id="a condition"),
        pytest.param("a(?#b)", id="a comment"),
        pytest.param("a(?i)b", id="flags in the middle"),
        pytest.param("(?x)a", id="other flags"),
        pytest.param(r"a\Z", id="an end that Python alone knows"),
        pytest.param(r"a\z", id="an end that RE2 alone knows"),
        pytest.param(r"\pL", id="a Unicode class, which RE2 alone knows"),
        pytest.param(r"\Qa.b\E", id="a quotation, which RE2 alone knows"),
        pytest.param("[[:alpha:]]", id="a POSIX class, which Python reads otherwise"),
        pytest.param("[a--b]", id="a difference of sets, which Python may read one day"),
        pytest.param("a{,5}", id="a repetition that RE2 takes for text"),
        pytest.param("a{b}", id="braces that are text to both by chance"),
        pytest.param(r"\xff", id="a byte that is a letter to Python"),
        pytest.param("a**", id="a repetition of a repetition"),
        pytest.param("*a", id="a repetition of nothing"),
        pytest.param("a|*", id="a repetition of nothing after an alternative"),
        pytest.param("(*)", id="a repetition of nothing in a group"),
        pytest.param("^*", id="a repetition of a place"),
        pytest.param("(a", id="a group that does not end"),
        pytest.param("a)", id="a group that does not begin"),
        pytest.param("[a", id="a set that does not end"),
        pytest.param("[]a]", id="a set that begins with its end"),
        pytest.param("[z-a]", id="a range from high to low"),
        pytest.param("a{2,1}", id="bounds from high to low"),
        pytest.param("a\\", id="an escape of nothing"),
        pytest.param("a{1001}", id="more repetitions than RE2 has"),
        pytest.param("(a{100}){11}", id="repetitions of repetitions"),
        pytest.param("((((a{9}){9}){9}){9}){9}", id="repetitions that multiply"),
        pytest.param("a{1000,}", id="one more than the largest size"),
    ],
)
def test_what_either_does_not_read_or_reads_otherwise_is_refused(expression: str) -> None:
    assert not is_understood(expression)


def test_size_counts_repetitions_written_out() -> None:
    assert is_understood(f"[a-z]{{{MAX_SIZE}}}")
    assert is_understood(f"(ab){{{MAX_SIZE // 3}}}")
    assert not is_understood(f"(ab){{{MAX_SIZE // 3 + 1}}}")
    assert is_understood("a" * MAX_SIZE)
    assert not is_understood("a" * (MAX_SIZE + 1))


def test_nothing_that_is_admitted_makes_python_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for expression in ("[a-]", "[+--]", "[a&&b]", "[a||b]", "[~~]", "[a[]"):
            is_understood(expression)


def test_whole_value_must_match() -> None:
    assert full_match("(?i)chat-[0-9]+", "Chat-12")
    assert not full_match("chat", "chat-12")
    assert not full_match("chat$", "chat\n")
    assert not full_match(r"\d", "٣")
