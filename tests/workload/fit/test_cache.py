"""How many tokens the KV cache holds."""

from typing import Any

import pytest
from tests.workload.fit.cases import architecture, fit_input

from modelfleet.api.catalogue import EngineVersion
from modelfleet.workload.fit.batching import Batching
from modelfleet.workload.fit.cache import BLOCK_TOKENS, StageCache, bytes_per_token_and_layer, capacity, stage_cache
from modelfleet.workload.fit.stages import Stage

GIB = 1024**3
BATCH = Batching(tokens=8192, requests=256)


def whole(model_id: str, *, tensor_parallel_size: int = 1, **options: Any) -> StageCache:
    fit = fit_input(model_id, **options)
    shape = fit.architecture
    assert shape is not None
    stage = Stage(shape.layers, is_first=True, is_last=True)
    return stage_cache(fit, shape, BATCH, stage=stage, tensor_parallel_size=tensor_parallel_size)


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("meta-llama/Llama-3.1-8B", 131072),
        ("meta-llama/Llama-3.1-70B", 327680),
        ("meta-llama/Llama-3.1-405B", 516096),
        ("Qwen/Qwen2.5-7B-Instruct", 57344),
        ("Qwen/Qwen2.5-72B-Instruct", 327680),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", 196608),
        ("Qwen/Qwen3-8B", 147456),
        ("Qwen/Qwen3-14B", 163840),
        ("Qwen/Qwen3-32B", 262144),
        ("Qwen/Qwen3-30B-A3B", 98304),
        ("Qwen/Qwen3-235B-A22B", 192512),
        ("mistralai/Mistral-7B-Instruct-v0.3", 131072),
        ("mistralai/Mistral-Small-24B-Instruct-2501", 163840),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 131072),
        ("deepseek-ai/DeepSeek-V3", 70272),
        ("moonshotai/Kimi-K2-Instruct", 70272),
        ("openai/gpt-oss-20b", 49152),
        ("openai/gpt-oss-120b", 73728),
        ("google/gemma-3-27b-it", 507904),
        ("microsoft/phi-4", 204800),
        ("MiniMaxAI/MiniMax-M2", 253952),
    ],
)
def test_a_token_takes_what_the_layers_keep_of_it(model_id: str, expected: int) -> None:
    shape = architecture(model_id)

    assert bytes_per_token_and_layer(fit_input(model_id), shape, 1) * shape.layers == expected


@pytest.mark.parametrize(("size", "share"), [(1, 8), (2, 4), (4, 2), (8, 1), (16, 1)])
def test_key_value_heads_are_divided_until_each_rank_has_one(size: int, share: int) -> None:
    found = bytes_per_token_and_layer(fit_input(), architecture("meta-llama/Llama-3.1-8B"), size)

    assert found == 2 * share * 128 * 2


def test_latent_attention_is_not_divided() -> None:
    shape = architecture("deepseek-ai/DeepSeek-V3")

    assert bytes_per_token_and_layer(fit_input(), shape, 8) == 576 * 2


def test_sparse_attention_keeps_an_index_besides() -> None:
    shape = architecture("deepseek-ai/DeepSeek-V3.2")

    assert bytes_per_token_and_layer(fit_input(), shape, 8) == 576 * 2 + 128 + 4


@pytest.mark.parametrize(("dtype", "kv", "element"), [("auto", "auto", 2), ("float32", "auto", 4), ("auto", "fp8", 1)])
def test_the_cache_has_its_own_type_or_that_of_the_model(dtype: str, kv: str, element: int) -> None:
    fit = fit_input(dtype=dtype, kv_cache_dtype=kv)

    assert bytes_per_token_and_layer(fit, architecture("meta-llama/Llama-3.1-8B"), 1) == 2 * 8 * 128 * element


def test_a_gibibyte_of_latent_cache_holds_what_a_server_measured() -> None:
    """Measured on vLLM 0.32 with a model of two layers: 466,032 tokens."""
    cache = StageCache(block_bytes=2 * 576 * 2 * BLOCK_TOKENS, full_groups=1, sliding_groups=0, window=0, in_flight=0)

    assert capacity([cache], [GIB], 16384).tokens == 466_032


@pytest.mark.parametrize(
    ("pool_gib", "model_id", "size", "options", "measured"),
    [
        (11.57, "Qwen/Qwen3-14B", 1, {}, 75_824),
        (27.85, "Qwen/Qwen3-235B-A22B", 4, {}, 621_392),
        (28.20, "mistralai/Mistral-Small-3.2-24B-Instruct-2506", 1, {}, 184_832),
        (58.11, "meta-llama/Llama-3.1-8B", 1, {}, 476_016),
        (58.11, "meta-llama/Llama-3.1-8B", 1, {"kv_cache_dtype": "fp8"}, 952_032),
        (58.53, "Qwen/Qwen2.5-7B-Instruct", 1, {}, 1_096_000),
        (26.32, "Qwen/Qwen2.5-7B-Instruct", 1, {}, 492_912),
    ],
)
def test_a_measured_pool_holds_the_measured_tokens(
    pool_gib: float, model_id: str, size: int, options: dict[str, Any], measured: int
) -> None:
    cache = whole(model_id, tensor_parallel_size=size, **options)

    assert capacity([cache], [pool_gib * GIB], 8192).tokens == pytest.approx(measured, rel=0.0005)


def test_an_eagle_head_keeps_one_more_layer() -> None:
    """Measured: Llama 8B with an Eagle head has the cache of 33 layers."""
    plain, eagle = whole("meta-llama/Llama-3.1-8B"), whole("meta-llama/Llama-3.1-8B", speculative_method="Eagle")

    assert eagle.block_bytes / plain.block_bytes == 33 / 32


def test_a_draft_model_keeps_its_own_layers() -> None:
    draft = architecture("meta-llama/Llama-3.2-1B")
    with_draft = whole("meta-llama/Llama-3.1-8B", speculative_method="DraftModel", draft_architecture=draft)

    assert with_draft.block_bytes / whole("meta-llama/Llama-3.1-8B").block_bytes == (32 + 16) / 32


@pytest.mark.parametrize(
    ("model_id", "full_groups", "sliding_groups", "layers_of_a_group"),
    [("google/gemma-3-27b-it", 1, 6, 10), ("openai/gpt-oss-20b", 1, 1, 12), ("google/gemma-2-27b-it", 1, 1, 23)],
)
def test_mixed_models_keep_groups_as_large_as_the_rarer_kind(
    model_id: str, full_groups: int, sliding_groups: int, layers_of_a_group: int
) -> None:
    cache, shape = whole(model_id), architecture(model_id)

    assert (cache.full_groups, cache.sliding_groups) == (full_groups, sliding_groups)
    per_layer = bytes_per_token_and_layer(fit_input(model_id), shape, 1) * BLOCK_TOKENS
    assert cache.block_bytes == per_layer * layers_of_a_group


def test_a_sliding_layer_holds_its_window_and_the_tokens_in_flight() -> None:
    cache = StageCache(block_bytes=1, full_groups=1, sliding_groups=3, window=1024, in_flight=2048)

    assert cache.blocks_for(131072) == 131072 // 16 + 3 * (192 + 1)
    assert cache.blocks_for(160) == 10 + 3 * (10 + 1)


def test_mixed_models_are_counted_as_the_version_logs_them() -> None:
    cache = StageCache(block_bytes=1, full_groups=1, sliding_groups=1, window=128, in_flight=1904)

    old = capacity([cache], [1000], 8000, version=EngineVersion(0, 20, 2))
    new = capacity([cache], [1000], 8000, version=EngineVersion(0, 22, 0))

    assert old.tokens == 1000 // 2 * BLOCK_TOKENS
    assert new.tokens == int(1000 / (500 + 127 + 1) * 8000)
    assert old.requests == new.requests


def test_the_stage_with_the_least_room_decides() -> None:
    cache = StageCache(block_bytes=1000, full_groups=1, sliding_groups=0, window=0, in_flight=0)

    assert capacity([cache, cache], [100_000, 50_000], 160).tokens == 50 * BLOCK_TOKENS
    assert capacity([cache, cache], [100_000, -1], 160).tokens == 0
