"""Activations, CUDA graphs, and what CUDA takes."""

import pytest
from tests.workload.fit.cases import accelerator, architecture, fit_input

from modelfleet.api.catalogue.batching import default_batching
from modelfleet.workload.fit.batching import Batching
from modelfleet.workload.fit.runtime import activation_bytes, graph_bytes, non_torch_bytes
from modelfleet.workload.fit.stages import Stage

GIB = 1024**3
H100 = Batching(tokens=8192, requests=1024)


def activations(model_id: str, engine: str, *, size: int = 1, is_last: bool = True) -> float:
    shape = architecture(model_id)
    stage = Stage(shape.layers, is_first=True, is_last=is_last)
    fit = fit_input(model_id, engine=engine)
    return activation_bytes(fit, shape, H100, stage=stage, tensor_parallel_size=size) / GIB


@pytest.mark.parametrize(
    ("model_id", "engine", "measured"),
    [
        ("meta-llama/Llama-3.1-8B", "0.11.0", 4.76),
        ("meta-llama/Llama-3.3-70B-Instruct", "0.11.0", 4.84),
        ("Qwen/Qwen3-0.6B", "0.11.0", 5.56),
        ("Qwen/Qwen3-32B", "0.11.0", 5.64),
        ("openai/gpt-oss-20b", "0.11.0", 7.38),
        ("Qwen/Qwen3-14B", "0.16.0", 5.64),
        ("Qwen/Qwen3-14B", "0.17.0", 2.23),
        ("meta-llama/Llama-3.1-8B", "0.19.0", 1.89),
        ("meta-llama/Llama-3.3-70B-Instruct", "0.19.0", 1.96),
        ("Qwen/Qwen2.5-72B-Instruct", "0.19.0", 2.29),
        ("Qwen/Qwen3-30B-A3B", "0.19.0", 2.68),
        ("deepseek-ai/DeepSeek-V2-Lite-Chat", "0.19.0", 1.93),
        ("microsoft/phi-4", "0.19.0", 1.52),
        ("google/gemma-2-27b-it", "0.19.0", 3.66),
    ],
)
def test_activations_are_within_three_per_cent_of_a_log(model_id: str, engine: str, measured: float) -> None:
    assert activations(model_id, engine) == pytest.approx(measured, rel=0.03)


def test_sampling_is_not_divided_by_tensor_parallelism() -> None:
    assert activations("meta-llama/Llama-3.1-8B", "0.19.0", size=4) == activations("meta-llama/Llama-3.1-8B", "0.19.0")


def test_only_the_last_stage_samples() -> None:
    """Measured on vLLM 0.19: 1.10 GiB on the first of two stages."""
    assert activations("meta-llama/Llama-3.1-8B", "0.19.0", is_last=False) == pytest.approx(1.10, rel=0.2)


@pytest.mark.parametrize(
    ("name", "engine", "expected"),
    [
        ("nvidia-l40s-48gb", "0.33.0", (2048, 256)),
        ("nvidia-a100-80gb", "0.33.0", (2048, 256)),
        ("nvidia-h100-80gb", "0.33.0", (8192, 1024)),
        ("nvidia-b200-180gb", "0.27.1", (8192, 1024)),
        ("nvidia-b200-180gb", "0.28.0", (16384, 1024)),
    ],
)
def test_an_engine_batches_by_its_accelerator(name: str, engine: str, expected: tuple[int, int]) -> None:
    assert default_batching(accelerator(name), fit_input(engine=engine).engine_version) == expected


def test_a_spec_may_batch_otherwise() -> None:
    fit = fit_input(max_num_seqs=32, max_num_batched_tokens=4096)

    assert Batching.of(fit, architecture("Qwen/Qwen3-8B")) == Batching(4096, 32)


def test_without_chunked_prefill_a_step_takes_the_longest_request() -> None:
    fit = fit_input(chunked_prefill=False, max_model_len=30_000)

    assert Batching.of(fit, architecture("Qwen/Qwen3-8B")).tokens == 30_000


@pytest.mark.parametrize(
    ("requests", "expected"), [(128, 35 + 19), (256, 51 + 35), (1024, 51 + 51), (1, 2 + 1), (8, 5 + 4)]
)
def test_as_many_graphs_are_captured_as_logs_say(requests: int, expected: int) -> None:
    assert Batching(tokens=2048, requests=requests).graphs == expected


def test_graphs_are_reserved_from_020_on_unless_the_engine_runs_eagerly() -> None:
    stage = Stage(28, is_first=True, is_last=True)
    batch = Batching(tokens=2048, requests=128)

    assert graph_bytes(fit_input(engine="0.19.1"), batch, stage=stage) == 0
    assert graph_bytes(fit_input(engine="0.22.0", enforce_eager=True), batch, stage=stage) == 0
    assert graph_bytes(fit_input(engine="0.22.0"), batch, stage=stage) / GIB == pytest.approx(0.37, rel=0.05)


@pytest.mark.parametrize(
    ("engine", "size", "measured"),
    [("0.11.0", 1, 0.13), ("0.11.0", 2, 0.55), ("0.19.0", 1, 0.25), ("0.19.0", 2, 2.07), ("0.19.0", 4, 2.13)],
)
def test_cuda_and_nccl_take_what_logs_say(engine: str, size: int, measured: float) -> None:
    found = non_torch_bytes(fit_input(engine=engine), architecture("meta-llama/Llama-3.1-8B"), size)

    assert found / GIB == pytest.approx(measured, rel=0.02)
