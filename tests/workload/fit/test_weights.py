"""The bytes of weights on each accelerator."""

from typing import Any

import pytest
from tests.workload.fit.cases import architecture, fit_input

from modelfleet.workload.fit import published_weights_bytes
from modelfleet.workload.fit.estimate import estimate
from modelfleet.workload.fit.precision import METHODS, precision_of
from modelfleet.workload.fit.stages import Stage, stages
from modelfleet.workload.fit.weights import parameters_of

GIB = 1024**3


def gib(model_id: str, size: int = 1, **options: Any) -> float:
    fit = fit_input(model_id, **options)
    assert fit.architecture is not None
    precision = precision_of(fit.architecture.quantization, fit.quantization, fit.dtype)
    assert precision is not None
    return estimate(fit, fit.architecture, precision, size).heaviest / GIB


@pytest.mark.parametrize(
    ("model_id", "size", "measured"),
    [
        ("meta-llama/Llama-3.1-8B", 1, 14.99),
        ("meta-llama/Llama-3.1-8B", 4, 3.77),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", 1, 67.72),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", 2, 33.88),
        ("Qwen/Qwen3-0.6B", 1, 1.12),
        ("Qwen/Qwen3-8B", 1, 15.27),
        ("Qwen/Qwen3-14B", 1, 27.52),
        ("Qwen/Qwen3-32B", 2, 30.59),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", 4, 55.19),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", 1, 44.76),
        ("openai/gpt-oss-20b", 1, 13.47),
        ("openai/gpt-oss-120b", 1, 64.38),
        ("google/gemma-3-27b-it", 1, 51.45),
        ("meta-llama/Llama-3.1-405B-Instruct-FP8", 8, 56.1),
    ],
)
def test_loaded_weights_are_within_one_per_cent_of_a_log(model_id: str, size: int, measured: float) -> None:
    assert gib(model_id, size) == pytest.approx(measured, rel=0.01)


def test_fp8_while_loading_halves_everything_but_the_embeddings() -> None:
    """Measured on vLLM 0.19: 8.49 GiB."""
    assert gib("meta-llama/Llama-3.1-8B", quantization="fp8") == pytest.approx(8.49, rel=0.01)


def test_float32_doubles_the_weights() -> None:
    """Measured on vLLM 0.19: 29.98 GiB."""
    assert gib("meta-llama/Llama-3.1-8B", dtype="float32") == pytest.approx(29.98, rel=0.01)


@pytest.mark.parametrize(("pipeline", "measured"), [(2, 7.51), (4, 4.26)])
def test_the_ends_of_a_pipeline_have_the_embeddings(pipeline: int, measured: float) -> None:
    """Measured on vLLM 0.19: more than a half and a quarter of 14.99 GiB."""
    assert gib("meta-llama/Llama-3.1-8B", pipeline_parallel_size=pipeline) == pytest.approx(measured, rel=0.01)


def test_experts_are_divided_by_data_parallel_ranks_too() -> None:
    one, two = gib("Qwen/Qwen3-30B-A3B", 1), gib("Qwen/Qwen3-30B-A3B", 1, data_parallel_size=2)
    experts = parameters_of(architecture("Qwen/Qwen3-30B-A3B")).experts * 2 / GIB

    assert one - two == pytest.approx(experts / 2)


def test_compressing_projections_are_whole_on_every_rank() -> None:
    shape = architecture("deepseek-ai/DeepSeek-V3")

    assert parameters_of(shape).replicated == 61 * 7168 * (512 + 64 + 1536)
    assert gib("deepseek-ai/DeepSeek-V3", 8) > gib("deepseek-ai/DeepSeek-V3", 1) / 8


def test_a_key_value_head_is_not_divided() -> None:
    shared = gib("Qwen/Qwen3-235B-A22B-FP8", 4), gib("Qwen/Qwen3-235B-A22B-FP8", 8)

    assert shared[1] > shared[0] / 2


def test_a_tied_head_costs_nothing_on_one_stage_and_a_table_on_two() -> None:
    tied, untied = architecture("Qwen/Qwen3-4B"), architecture("Qwen/Qwen3-4B", tied_embeddings=False)

    assert parameters_of(tied).linear > parameters_of(untied).linear
    assert parameters_of(tied).embedding == parameters_of(untied).embedding


@pytest.mark.parametrize("method", [method for method in METHODS if "fp8" not in method])
def test_every_method_makes_weights_smaller(method: str) -> None:
    shape = architecture("Qwen/Qwen3-30B-A3B", quantization=method)

    assert gib("Qwen/Qwen3-30B-A3B", architecture=shape) < gib("Qwen/Qwen3-30B-A3B")


def test_adapters_take_memory_for_every_slot() -> None:
    plain, few = gib("meta-llama/Llama-3.1-8B"), gib("meta-llama/Llama-3.1-8B", adapters=2, adapter_rank=64)
    many = gib("meta-llama/Llama-3.1-8B", adapters=4, adapter_rank=64)

    assert many - plain == pytest.approx(2 * (few - plain))


@pytest.mark.parametrize("method", ["Eagle", "Eagle3", "Mtp"])
def test_a_head_that_drafts_is_about_one_more_layer(method: str) -> None:
    extra = gib("meta-llama/Llama-3.1-8B", speculative_method=method) - gib("meta-llama/Llama-3.1-8B")

    assert 0.2 < extra < 0.7


def test_a_lookup_in_the_prompt_weighs_nothing() -> None:
    assert gib("meta-llama/Llama-3.1-8B", speculative_method="Ngram") == gib("meta-llama/Llama-3.1-8B")


def test_a_known_draft_model_adds_its_weights() -> None:
    draft = architecture("meta-llama/Llama-3.2-1B")
    found = gib("meta-llama/Llama-3.1-8B", speculative_method="DraftModel", draft_architecture=draft)

    assert found - gib("meta-llama/Llama-3.1-8B") == pytest.approx(gib("meta-llama/Llama-3.2-1B"))


@pytest.mark.parametrize(
    ("layers", "pipeline", "expected"),
    [(32, 1, [32]), (32, 2, [16, 16]), (61, 2, [31, 30]), (61, 4, [15, 15, 16, 15]), (62, 4, [15, 16, 16, 15])],
)
def test_left_over_layers_go_to_the_stages_before_the_last(layers: int, pipeline: int, expected: list[int]) -> None:
    found = list(stages(layers, pipeline))

    assert [stage.layers for stage in found] == expected
    assert found[0].is_first
    assert found[-1].is_last


def test_one_stage_is_first_and_last() -> None:
    assert list(stages(32, 1)) == [Stage(32, is_first=True, is_last=True)]


@pytest.mark.parametrize(
    ("model_id", "options", "gigabytes"),
    [
        ("meta-llama/Llama-3.3-70B-Instruct", {}, 141.1),
        ("meta-llama/Llama-3.3-70B-Instruct", {"quantization": "fp8"}, 141.1),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", {}, 72.7),
        ("Qwen/Qwen2.5-7B-Instruct", {"dtype": "float32", "data_parallel_size": 2}, 15.2),
    ],
)
def test_what_is_downloaded_does_not_depend_on_how_it_is_loaded(
    model_id: str, options: dict[str, Any], gigabytes: float
) -> None:
    assert published_weights_bytes(fit_input(model_id, **options)) == pytest.approx(gigabytes * 1e9, rel=0.005)


def test_the_size_of_an_unknown_model_is_unknown() -> None:
    assert published_weights_bytes(fit_input(None)) is None
