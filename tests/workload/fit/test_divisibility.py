"""Which tensor-parallel sizes vLLM refuses."""

from typing import Any

import pytest
from tests.workload.fit.cases import architecture, fit_input

from modelfleet.workload.fit.divisibility import undivided, vocabulary_is_undivided


def allowed(model_id: str, at_most: int = 16, **options: Any) -> list[int]:
    fit, shape = fit_input(model_id, **options), architecture(model_id)
    return [size for size in range(1, at_most + 1) if undivided(fit, shape, size) is None]


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("meta-llama/Llama-3.1-8B", [1, 2, 4, 8, 16]),
        ("Qwen/Qwen2.5-7B-Instruct", [1, 2, 4]),
        ("Qwen/Qwen2.5-32B-Instruct", [1, 2, 4, 8]),
        ("Qwen/Qwen3-14B", [1, 2, 4, 8]),
        ("Qwen/Qwen3-30B-A3B", [1, 2, 4, 8, 16]),
        ("Qwen/Qwen3-235B-A22B", [1, 2, 4, 8, 16]),
        ("deepseek-ai/DeepSeek-V3", [1, 2, 4, 8, 16]),
        ("openai/gpt-oss-20b", [1, 2, 4, 8, 16]),
        ("microsoft/phi-4", [1, 2, 5, 10]),
        ("Qwen/Qwen3-235B-A22B-FP8", [1, 2, 4]),
        ("Qwen/Qwen3-30B-A3B-FP8", [1, 2]),
        ("MiniMaxAI/MiniMax-M2", [1, 2, 4]),
    ],
)
def test_sizes_are_those_vllm_can_divide(model_id: str, expected: list[int]) -> None:
    assert allowed(model_id) == expected


def test_whole_experts_need_no_division() -> None:
    assert allowed("Qwen/Qwen3-235B-A22B-FP8", expert_parallel=True) == [1, 2, 4, 8, 16]


def test_experts_are_divided_over_data_parallel_ranks_as_well() -> None:
    assert allowed("Qwen/Qwen3-235B-A22B-FP8", data_parallel_size=2) == [1, 2]


@pytest.mark.parametrize(
    ("model_id", "size", "expected"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", 8, "the model has 28 attention heads, which 8 does not divide"),
        ("microsoft/phi-4", 4, "the model has 10 key-value heads, which 4 does not divide"),
        ("Qwen/Qwen2.5-32B-Instruct", 20, "the model has 8 key-value heads, of which 20 is not a multiple"),
        ("Qwen/Qwen3-30B-A3B-FP8", 4, "192 on each of 4 accelerators is not a multiple of 128"),
    ],
)
def test_a_refusal_names_what_does_not_divide(model_id: str, size: int, expected: str) -> None:
    reason = undivided(fit_input(model_id), architecture(model_id), size) or "nothing"

    assert expected in reason


def test_a_vocabulary_is_divided_after_padding() -> None:
    assert not vocabulary_is_undivided(architecture("Qwen/Qwen3-8B", vocab_size=151_937), 8)
    assert vocabulary_is_undivided(architecture("microsoft/phi-4"), 5)
