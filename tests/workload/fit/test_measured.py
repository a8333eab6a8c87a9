"""The fit check against KV caches that servers logged."""

import pytest
from tests.workload.fit.accuracy import PAGE, Measured, measured, written

HELD = [pytest.param(one, id=one.name) for one in measured() if one.is_held]
LISTED = [one for one in measured() if one.is_held and one.is_listed]


@pytest.mark.parametrize("one", HELD)
def test_capacity_is_within_a_tenth_of_the_log(one: Measured) -> None:
    assert abs(one.error) <= 0.10


def test_capacity_is_within_a_twentieth_for_three_quarters() -> None:
    close = [one for one in LISTED if abs(one.error) <= 0.05]

    assert len(close) >= 0.75 * len(LISTED)


@pytest.mark.parametrize("one", HELD)
def test_weights_are_within_two_per_cent_of_the_log(one: Measured) -> None:
    assert one.weights_gib == pytest.approx(one.row["weights"], rel=0.02)


def test_the_page_shows_the_table_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == written(page), "run: .venv/bin/python -m tests.workload.fit.accuracy"
