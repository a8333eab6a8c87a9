"""Arithmetic on quantities is exact."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfleet.workload.quantities import times, total, value, written


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        pytest.param("8", 8, id="plain"),
        pytest.param(8, 8, id="an integer"),
        pytest.param("500m", Fraction(1, 2), id="thousandths"),
        pytest.param("1.5", Fraction(3, 2), id="a decimal"),
        pytest.param(".5Gi", 2**29, id="half a binary unit"),
        pytest.param("64Gi", 64 * 2**30, id="binary"),
        pytest.param("64G", 64 * 10**9, id="decimal"),
        pytest.param("2k", 2000, id="thousands"),
        pytest.param("3Ei", 3 * 2**60, id="the largest binary unit"),
        pytest.param("3E", 3 * 10**18, id="the largest decimal unit"),
    ],
)
def test_a_quantity_stands_for_a_number(quantity: int | str, number: Fraction | int) -> None:
    assert value(quantity) == number


@pytest.mark.parametrize("text", ["", "Gi", "1gi", "1K", "1e3", "-1", "1 Gi", "1.2.3", ".", "1GiB", "1Gi\n", "nan"])
def test_what_is_no_quantity_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="must be a quantity such as") as raised:
        value(text)

    assert f'found "{text}"' in str(raised.value)


@pytest.mark.parametrize(
    ("written_out", "result"),
    [
        pytest.param(times("16Gi", 4), "64Gi", id="a product keeps its unit"),
        pytest.param(times("512Mi", 4), "2Gi", id="a product takes the larger unit"),
        pytest.param(times("250m", 3), "750m", id="a product of thousandths"),
        pytest.param(times("250m", 4), "1", id="thousandths that add up"),
        pytest.param(times(8, 2), "16", id="a product of integers"),
        pytest.param(times("0", 4), "0", id="nothing"),
        pytest.param(total("64Gi", "0"), "64Gi", id="a sum with nothing"),
        pytest.param(total("1Gi", "512Mi"), "1536Mi", id="a sum of two units"),
        pytest.param(total("1G", "1Gi"), str(10**9 + 2**30), id="a sum of decimal and binary"),
        pytest.param(written(Fraction(1, 3000)), "1m", id="never less than asked"),
    ],
)
def test_results_are_written_in_the_largest_unit_that_is_exact(written_out: str, result: str) -> None:
    assert written_out == result


@given(st.integers(min_value=0, max_value=10**21))
def test_what_is_written_reads_back_as_the_same_number(thousandths: int) -> None:
    number = Fraction(thousandths, 1000)

    assert value(written(number)) == number
