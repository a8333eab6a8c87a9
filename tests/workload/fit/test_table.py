"""The fit table, and the size to choose."""

from itertools import permutations

import pytest
from tests.workload.fit.cases import CATALOGUE, accelerator, fit_input

from modelfleet.api.conditions import Reason
from modelfleet.workload.fit import FitReason, choose, fit_row, fit_table


@pytest.mark.parametrize(
    ("model_id", "gpus", "expected"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8, [1, 2, 4, 8]),
        ("meta-llama/Llama-3.1-8B-Instruct", 3, [1, 2]),
        ("microsoft/phi-4", 16, [1, 2, 4, 5, 8, 10, 16]),
        (None, 4, [1, 2, 4]),
    ],
)
def test_a_table_has_powers_of_two_and_what_else_divides(model_id: str | None, gpus: int, expected: list[int]) -> None:
    table = fit_table(fit_input(model_id, on=accelerator(gpus_per_node=gpus)))

    assert [row.tensor_parallel_size for row in table] == expected


@pytest.mark.parametrize(
    ("model_id", "on", "expected"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "nvidia-l40s-48gb", 1),
        ("meta-llama/Llama-3.3-70B-Instruct", "nvidia-h100-80gb", 4),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "nvidia-h100-80gb", 2),
        ("deepseek-ai/DeepSeek-R1", "nvidia-h200-141gb", 8),
        ("openai/gpt-oss-20b", "nvidia-h100-80gb", 1),
        ("microsoft/phi-4", "nvidia-l4-24gb", 2),
    ],
)
def test_the_smallest_size_that_fits_is_chosen(model_id: str, on: str, expected: int) -> None:
    chosen = choose(fit_table(fit_input(model_id, on=on, max_model_len=8192)))

    assert chosen is not None
    assert (chosen.tensor_parallel_size, chosen.fits) == (expected, "True")


def test_a_size_that_may_fit_is_chosen_when_none_certainly_does() -> None:
    on = accelerator(gpus_per_node=1)
    chosen = choose(fit_table(fit_input("Qwen/Qwen3-32B", on=on, engine="0.11.0", max_model_len=18_200)))

    assert chosen is not None
    assert (chosen.tensor_parallel_size, chosen.reason) == (1, FitReason.TIGHT_FIT)


def test_an_unknown_model_gets_one_accelerator() -> None:
    chosen = choose(fit_table(fit_input(None)))

    assert chosen is not None
    assert (chosen.tensor_parallel_size, chosen.reason) == (1, FitReason.UNKNOWN_MODEL)


def test_nothing_is_chosen_when_every_size_is_refused() -> None:
    assert choose(fit_table(fit_input("deepseek-ai/DeepSeek-R1", on="nvidia-l4-24gb"))) is None


def test_a_choice_does_not_depend_on_the_order_of_rows() -> None:
    table = list(fit_table(fit_input("meta-llama/Llama-3.3-70B-Instruct", max_model_len=8192)))

    assert all(choose(order) == choose(table) for order in permutations(table))


def test_a_model_that_fits_nowhere_here_is_shown_where_it_does() -> None:
    alternatives = tuple(CATALOGUE.accelerators)
    table = fit_table(fit_input("deepseek-ai/DeepSeek-R1", alternatives=alternatives, max_model_len=8192))

    assert all(row.fits == "False" for row in table)
    assert (
        "No `tensorParallelSize` fits on nvidia-h100-80gb; it fits on nvidia-h200-141gb (`tensorParallelSize` 8), "
        in table[-1].message
    )
    assert "amd" not in table[-1].message


def test_a_model_that_fits_nowhere_at_all_is_told_so() -> None:
    alternatives = (accelerator("nvidia-l4-24gb"), accelerator("nvidia-a10-24gb"))
    table = fit_table(fit_input("deepseek-ai/DeepSeek-R1", on="nvidia-l4-24gb", alternatives=alternatives))

    assert table[0].message.endswith(
        "No `tensorParallelSize` fits on nvidia-l4-24gb, nor on another accelerator of the catalogue."
    )


def test_a_refused_size_is_told_which_other_may_fit() -> None:
    on = accelerator(gpus_per_node=1)
    fit = fit_input("Qwen/Qwen3-32B", on=on, engine="0.11.0", max_model_len=18_200)

    assert fit_row(fit, 2).message.endswith("`tensorParallelSize` 1 may fit.")


def test_a_row_alone_is_the_row_of_the_table() -> None:
    fit = fit_input("meta-llama/Llama-3.3-70B-Instruct", max_model_len=8192)

    assert tuple(fit_row(fit, row.tensor_parallel_size) for row in fit_table(fit)) == fit_table(fit)


def test_every_reason_is_a_reason_of_conditions() -> None:
    assert {reason.value for reason in FitReason} <= {reason.value for reason in Reason}
