"""The smallest size that is enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.scaling.misses import Curve
from modelfleet.scaling.sizing import missed_share, smallest_size

CURVE = Curve(tuple(0.0 if index < 14 else 0.1 * (index - 13) if index < 23 else 1.0 for index in range(25)))


def test_a_known_work_takes_as_many_as_the_curve_allows() -> None:
    # Everything is well up to a use of 0.675.
    assert smallest_size([(4.0, 1.0)], CURVE, allowed_share=0.0, at_most=50) == 6


def test_a_rare_peak_does_not_have_to_be_met() -> None:
    outcomes = [(4.0, 0.99), (9.0, 0.01)]

    assert smallest_size(outcomes, CURVE, allowed_share=0.05, at_most=50) == 6
    assert smallest_size(outcomes, CURVE, allowed_share=0.001, at_most=50) > 10


def test_busy_outcomes_have_more_of_the_requests() -> None:
    assert missed_share(1, [(0.1, 0.5), (3.0, 0.5)], CURVE) > 0.9


def test_no_work_needs_one() -> None:
    assert smallest_size([(0.0, 1.0)], CURVE, allowed_share=0.05, at_most=50) == 1


def test_where_nothing_is_enough_it_is_the_most() -> None:
    assert smallest_size([(100.0, 1.0)], CURVE, allowed_share=0.05, at_most=8) == 8


@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=8), st.floats(0.0, 5.0), st.integers(1, 60))
def test_more_work_never_takes_fewer(works: list[float], more: float, at_most: int) -> None:
    few = [(work, 1 / len(works)) for work in works]
    many = [(work + more, 1 / len(works)) for work in works]

    assert smallest_size(many, CURVE, allowed_share=0.05, at_most=at_most) >= smallest_size(
        few, CURVE, allowed_share=0.05, at_most=at_most
    )


@given(st.lists(st.floats(0.0, 50.0), min_size=1, max_size=8), st.integers(1, 60), st.integers(0, 80))
def test_where_the_search_begins_changes_nothing(works: list[float], at_most: int, near: int) -> None:
    outcomes = [(work, 1 / len(works)) for work in works]
    straight = next(
        (size for size in range(1, at_most) if missed_share(size, outcomes, CURVE) <= 0.05),
        at_most,
    )

    assert smallest_size(outcomes, CURVE, allowed_share=0.05, at_most=at_most, near=near) == straight


@given(st.floats(0.0, 3.0))
def test_one_known_work_misses_what_the_curve_says(use: float) -> None:
    assert missed_share(4, [(4 * use, 1.0)], CURVE) == pytest.approx(CURVE.at(use) if use else 0.0)
