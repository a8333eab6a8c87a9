"""What is left for the KV cache, against logs of real servers."""

import pytest
from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.memory import GIB, profile, with_fitting_length
from e2e.engine.launch.settings import Settings
from tests.engine.servers import config_of


def _tokens(config: EngineConfig, memory_gib: float = 79.18) -> int:
    return profile(config, Settings(gpu_memory_gib=memory_gib)).tokens


def test_an_8b_on_an_h100_holds_what_real_ones_hold() -> None:
    assert _tokens(config_of([])) == pytest.approx(440_000, rel=0.06)


def test_the_sampler_took_much_more_before_0_20() -> None:
    memory = profile(config_of(["--max-model-len", "16384"], release="0.11.0"), Settings())

    assert memory.pool_bytes / GIB == pytest.approx(51.38, rel=0.01)


def test_a_path_has_the_architecture_that_the_environment_names() -> None:
    config = config_of(["-tp", "4"], model="/models/model", VLLM_STANDIN_MODEL="Llama-3.1-70B-FP8")

    assert config.model.layers == 80
    assert config.weight_bytes == 70.6e9


def test_a_quantized_cache_holds_twice_as_much() -> None:
    assert _tokens(config_of(["--kv-cache-dtype", "fp8"])) == pytest.approx(2 * _tokens(config_of([])), rel=0.001)


def test_more_gpus_than_kv_heads_hold_no_more_of_them() -> None:
    eight, sixteen = (profile(config_of(["-tp", str(size)]), Settings()).kv_bytes_per_token for size in (8, 16))

    assert eight == sixteen


def test_an_automatic_length_is_what_fits() -> None:
    settings = Settings(gpu_memory_gib=23.53)
    config = with_fitting_length(config_of(["--max-model-len", "auto"]), settings)

    assert 0 < config.max_model_len < 131_072
    assert profile(config, settings).tokens >= config.max_model_len


def test_the_cache_can_be_given_in_blocks_and_in_bytes() -> None:
    blocks = profile(config_of(["--num-gpu-blocks-override", "10000"]), Settings())
    given = profile(config_of(["--kv-cache-memory-bytes", "20G"]), Settings())

    assert blocks.tokens == 160_000
    assert given.tokens == 20 * GIB // 131_072
