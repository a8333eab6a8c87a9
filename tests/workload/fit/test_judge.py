"""The verdict on one tensor-parallel size."""

from typing import Any

import pytest
from tests.workload.fit.cases import architecture, fit_input

from modelfleet.workload.fit import FitReason, FitRow, fit_row


def row(model_id: str | None = "meta-llama/Llama-3.1-8B-Instruct", size: int = 1, **options: Any) -> FitRow:
    return fit_row(fit_input(model_id, **options), size)


@pytest.mark.parametrize(
    ("model_id", "size", "options", "reason", "words"),
    [
        (
            "meta-llama/Llama-3.1-8B-Instruct",
            16,
            {},
            FitReason.TOO_MANY_GPUS,
            "more GPUs than a node has: 8 nvidia-h100-80gb. The smallest `tensorParallelSize` that fits is 1.",
        ),
        (
            "meta-llama/Llama-3.1-8B-Instruct",
            2,
            {"pipeline_parallel_size": 2, "data_parallel_size": 4},
            FitReason.TOO_MANY_GPUS,
            "would need 16 accelerators",
        ),
        (None, 16, {}, FitReason.TOO_MANY_GPUS, "more GPUs than a node has"),
        (
            "meta-llama/Llama-3.1-8B-Instruct",
            1,
            {"expert_parallel": True},
            FitReason.INVALID_OPTIONS,
            "`expertParallel` must be false: meta-llama/Llama-3.1-8B-Instruct has no experts.",
        ),
        (
            "Qwen/Qwen2.5-7B-Instruct",
            8,
            {},
            FitReason.DOES_NOT_DIVIDE,
            "heads, which 8 does not divide. The smallest `tensorParallelSize` that fits is 1.",
        ),
        (
            "meta-llama/Llama-3.3-70B-Instruct",
            1,
            {"max_model_len": 16384},
            FitReason.TOO_LARGE,
            "131.4 GiB per accelerator, and the engine may use 71.3 GiB (90 % of 79.2 GiB). The smallest",
        ),
        (
            "google/gemma-3-27b-it",
            1,
            {},
            FitReason.NO_ROOM_FOR_CACHE,
            "one request of 131072 tokens needs 18.0 GiB; the longest that fits is `maxModelLen` 8",
        ),
    ],
)
def test_what_cannot_start_is_refused(
    model_id: str | None, size: int, options: dict[str, Any], reason: FitReason, words: str
) -> None:
    found = row(model_id, size, **options)

    assert (found.fits, found.reason) == ("False", reason)
    assert words in found.message


def test_more_stages_than_layers_are_refused() -> None:
    shape = architecture("meta-llama/Llama-3.2-1B", layers=2)

    found = row(architecture=shape, pipeline_parallel_size=4)

    assert (found.fits, found.reason) == ("False", FitReason.INVALID_OPTIONS)
    assert "`pipelineParallelSize` must be at most 2" in found.message


@pytest.mark.parametrize(
    ("model_id", "size", "options", "reason", "words"),
    [
        (None, 1, {}, FitReason.UNKNOWN_MODEL, "acme/unknown is not in the model catalogue"),
        (
            "meta-llama/Llama-3.1-8B-Instruct",
            1,
            {"quantization": "compressed-tensors"},
            FitReason.UNKNOWN_MODEL,
            'The size of weights quantized with "compressed-tensors" is not known',
        ),
        ("microsoft/phi-4", 5, {}, FitReason.DOES_NOT_DIVIDE, "The vocabulary of microsoft/phi-4, 100352"),
        (
            "Qwen/Qwen3-8B",
            1,
            {"max_model_len": 131072},
            FitReason.INVALID_OPTIONS,
            "`maxModelLen` 131072 is beyond the 40960 positions",
        ),
        (
            "meta-llama/Llama-3.1-8B-Instruct",
            1,
            {"speculative_method": "DraftModel"},
            FitReason.UNKNOWN_MODEL,
            "The draft model of `speculative` is not in the model catalogue",
        ),
        (
            "Qwen/Qwen3-32B",
            1,
            {"engine": "0.11.0", "max_model_len": 18_000},
            FitReason.TIGHT_FIT,
            "may or may not fit: per accelerator 71.3 GiB",
        ),
    ],
)
def test_what_nobody_knows_is_left_to_the_engine(
    model_id: str | None, size: int, options: dict[str, Any], reason: FitReason, words: str
) -> None:
    found = row(model_id, size, **options)

    assert (found.fits, found.reason) == ("Unknown", reason)
    assert words in found.message


def test_what_fits_is_shown_with_its_arithmetic() -> None:
    found = row("meta-llama/Llama-3.1-8B-Instruct", on="nvidia-l40s-48gb", max_model_len=16384)

    assert (found.fits, found.reason) == ("True", FitReason.FITS)
    assert found.message == (
        "meta-llama/Llama-3.1-8B-Instruct at `tensorParallelSize` 1 on nvidia-l40s-48gb fits: per accelerator 40.0 GiB "
        "(90 % of 44.4 GiB) − 15.0 GiB weights − 0.5 GiB activations − 0.7 GiB CUDA graphs − 0.4 GiB CUDA and NCCL "
        f"= 23.4 GiB for the KV cache, {found.kv_cache_tokens} tokens of 128.0 KiB: 11.7 requests of 16384 tokens."
    )
    assert found.max_concurrent_requests == 11


@pytest.mark.parametrize(
    ("engine", "max_model_len", "expected"),
    [("0.11.0", 16_000, "True"), ("0.11.0", 18_200, "Unknown"), ("0.11.0", 32_000, "False")],
)
def test_a_request_fits_tightly_or_not_at_all(engine: str, max_model_len: int, expected: str) -> None:
    """Measured: 16,000 starts on an H100 with vLLM 0.11, 32,000 does not."""
    assert row("Qwen/Qwen3-32B", engine=engine, max_model_len=max_model_len).fits == expected


def test_a_near_miss_is_never_refused() -> None:
    fitting = row("Qwen/Qwen3-32B", engine="0.11.0", max_model_len=16_000).kv_cache_tokens
    assert fitting is not None

    assert row("Qwen/Qwen3-32B", engine="0.11.0", max_model_len=round(fitting * 1.09)).fits == "Unknown"


def test_every_data_parallel_rank_has_a_cache() -> None:
    one, four = row(max_model_len=8192), row(max_model_len=8192, data_parallel_size=4)
    assert one.kv_cache_tokens is not None
    assert one.max_concurrent_requests is not None

    assert four.kv_cache_tokens == 4 * one.kv_cache_tokens
    assert four.max_concurrent_requests == 4 * one.max_concurrent_requests
    assert "in each of 4 data-parallel ranks" in four.message


def test_a_size_that_never_runs_has_no_cache_to_speak_of() -> None:
    found = row("Qwen/Qwen2.5-7B-Instruct", 8)

    assert (found.kv_cache_tokens, found.max_concurrent_requests) == (None, None)


def test_a_row_is_printed_under_the_names_people_script_against() -> None:
    printed = row(max_model_len=8192).as_json()

    assert list(printed) == [
        "tensorParallelSize",
        "fits",
        "weightsMiBPerGpu",
        "kvCacheTokens",
        "maxConcurrentRequests",
        "message",
    ]
    assert printed["fits"] is True
    assert row(None).as_json()["fits"] is None
    assert row("Qwen/Qwen2.5-7B-Instruct", 8).as_json()["fits"] is False


@pytest.mark.parametrize(
    ("published", "asked", "is_refused"),
    [
        pytest.param("fp8", "bitsandbytes", True, id="another size"),
        pytest.param("fp8", "fp8", False, id="the same"),
        pytest.param("fp8", "fbgemm_fp8", False, id="what the name of the model does not tell apart"),
        pytest.param("awq", "awq_marlin", False, id="another kernel"),
        pytest.param("awq", "gptq", True, id="another layout"),
        pytest.param("w4a16", "awq", False, id="a scheme that may be either"),
        pytest.param("w8a8", "bitsandbytes", True, id="a scheme that cannot be"),
        pytest.param("bitsandbytes", "fp8", True, id="quantized while loading, but quantized already"),
        pytest.param(None, "bitsandbytes", False, id="weights in 16 bits"),
        pytest.param("mxfp4", "fp8", False, id="a config that overrides what is asked"),
        pytest.param("fp8", "unheard-of", False, id="a method that a plug-in may bring"),
    ],
)
def test_weights_are_not_quantized_again(published: str | None, asked: str, *, is_refused: bool) -> None:
    shape = architecture("meta-llama/Llama-3.1-8B", quantization=published)

    found = row(architecture=shape, quantization=asked)

    assert (found.reason is FitReason.INVALID_OPTIONS) is is_refused
    assert ("`quantization` must be absent" in found.message) is is_refused


def test_a_published_quantization_wins_over_what_is_asked() -> None:
    asked = row("openai/gpt-oss-20b", quantization="fp8")

    assert asked.weights_mib_per_gpu == row("openai/gpt-oss-20b").weights_mib_per_gpu
