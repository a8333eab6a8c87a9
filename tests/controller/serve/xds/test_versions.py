"""Versions tell the content, and the state it was made of."""

import pytest

from modelfleet.controller.serve.xds.versions import Floor, digest_of, is_at_least, is_behind, vector_of, version


def test_a_version_has_a_vector_and_a_digest() -> None:
    made = version((7, 1201), "9f86")

    assert made == "7-1201.9f86"
    assert (vector_of(made), digest_of(made), digest_of(None)) == ((7, 1201), "9f86", None)


@pytest.mark.parametrize("foreign", ["", "9f86", "v1.9f86", "1--2.9f86", "-.9f86", ".9f86"])
def test_the_vector_of_a_foreign_version_is_unknown(foreign: str) -> None:
    assert vector_of(foreign) == ()


@pytest.mark.parametrize(
    ("mine", "other", "behind"),
    [
        ((1, 5, 5), (1, 5, 5), False),
        ((1, 5, 5), (1, 6, 4), True),
        ((1, 6, 5), (1, 5, 5), False),
        pytest.param((1, 5), (1, 5, 9), False, id="another layout of the same release"),
        pytest.param((1, 5), (2, 5, 9), True, id="a later release with another layout"),
        pytest.param((2, 5, 9), (1, 99), False, id="an earlier release with another layout"),
        pytest.param((), (1, 2), False, id="nothing is known"),
    ],
)
def test_who_is_older_in_any_component_is_behind(mine: tuple[int, ...], other: tuple[int, ...], behind: bool) -> None:
    assert is_behind(mine, other) is behind


def test_a_floor_is_the_latest_of_each_component() -> None:
    floor = Floor()
    floor.rise(["1-5-3.a", "1-4-8.b", "unknown", "1-5-3.c"])

    assert floor.above((1, 5, 8)) == []
    assert floor.above((1, 5, 7)) == [(1, 5, 8)]


def test_a_floor_forgets_what_is_no_later() -> None:
    floor = Floor()
    floor.rise(["1-5.a", "1-5-3.b"])
    floor.forget((1, 4))
    floor.forget((1, 6, 6))

    assert floor.above((0, 0)) == [(1, 5)]

    floor.rise(["1-6-5.d"])

    assert floor.above((0, 0)) == [(1, 5)]

    floor.rise(["1-7-5.d"])

    assert floor.above((0, 0)) == [(1, 5), (1, 7, 5)]


@pytest.mark.parametrize(
    ("held", "reached"),
    [(None, False), ("1-4.a", False), ("1-5.b", True), ("1-6.c", True), pytest.param("1-2.b", True, id="same content")],
)
def test_a_version_is_reached_by_its_content_and_by_any_later_state(held: str | None, reached: bool) -> None:
    assert is_at_least(held, "1-5.b") is reached
