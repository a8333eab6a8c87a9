"""`vllm:cache_config_info`: the cache's configuration as labels of a gauge that is always 1."""

from prometheus_client import CollectorRegistry, Gauge

from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.memory import Memory

_CAPACITY_SINCE = "0.24"
_LATER_SINCE = "0.30"
_LATER = {
    "_block_size_resolved": "True",
    "cache_hit_alignment_tokens": "None",
    "effective_attention_block_size": "{block_size}",
    "enable_mamba_shared_prefix_checkpoint": "False",
    "hash_block_size": "None",
    "kv_cache_dtype_skip_layers": "[]",
    "kv_cache_layout": "None",
    "kv_offloading_backend": "native",
    "kv_offloading_size": "None",
    "mamba_cache_mode": "none",
    "prefix_cache_retention_interval": "0",
    "prefix_match_unit": "None",
    "replayssm_buffer_len": "16",
    "skip_page_size_padded": "None",
    "swa_bounded_replay": "True",
    "use_kda_recoverssm": "False",
    "use_replayssm": "False",
    "user_specified_block_size": "False",
}


def add_cache_config(registry: CollectorRegistry, config: EngineConfig, memory: Memory) -> None:
    """Register the gauge, one series per data-parallel rank."""
    labels = _labels(config, memory)
    gauge = Gauge("vllm:cache_config_info", "Configuration of the KV cache.", (*labels, "engine"), registry=registry)
    for rank in range(config.local_ranks):
        gauge.labels(**labels, engine=str(rank)).set(1)


def _labels(config: EngineConfig, memory: Memory) -> dict[str, str]:
    labels = _always(config, memory)
    if config.release.at_least(_CAPACITY_SINCE):
        labels["kv_cache_size_tokens"] = str(memory.tokens)
        labels["kv_cache_max_concurrency"] = str(round(memory.tokens / config.max_model_len, 3))
    if config.release.at_least(_LATER_SINCE):
        labels |= {name: value.format(block_size=memory.block_size) for name, value in _LATER.items()}
        labels["kv_offloading_size"] = str(config.option("kv_offloading_size"))
        labels["user_specified_block_size"] = str(config.option("block_size") is not None)
    return labels


def _always(config: EngineConfig, memory: Memory) -> dict[str, str]:
    return {
        "block_size": str(memory.block_size),
        "cache_dtype": str(config.option("kv_cache_dtype", "auto")),
        "enable_prefix_caching": str(config.prefix_caching),
        "gpu_memory_utilization": str(config.option("gpu_memory_utilization")),
        "is_attention_free": "False",
        "kv_cache_memory_bytes": str(config.option("kv_cache_memory_bytes")),
        "kv_sharing_fast_prefill": "False",
        "mamba_block_size": "None",
        "mamba_cache_dtype": str(config.option("mamba_cache_dtype", "auto")),
        "mamba_page_size_padded": "None",
        "mamba_ssm_cache_dtype": str(config.option("mamba_ssm_cache_dtype", "auto")),
        "num_cpu_blocks": "None",
        "num_gpu_blocks": str(memory.blocks),
        "num_gpu_blocks_override": str(config.option("num_gpu_blocks_override")),
        "prefix_caching_hash_algo": str(config.option("prefix_caching_hash_algo", "sha256")),
        "sliding_window": "None",
    }
