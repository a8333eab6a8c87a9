"""
What of a GPU's memory is left for the KV cache.

`pool = total · utilization − weights − non-torch − activations − CUDA graphs`, the shares as measured in public logs:
until 0.20 the sampler's 38.8 bytes × sequences × vocabulary are by far the largest part of the activations.
"""

from dataclasses import dataclass, replace

from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.failure import LaunchError
from e2e.engine.launch.settings import Settings

GIB = 2**30
_AUTOMATIC = -1
_EXPERT_SHARE = 0.95
_SAMPLER_BYTES = 38.8
_LATER_ACTIVATION_GIB = 1.2
_CUDA_GRAPH_GIB = 0.7
_LEAST_LOAD_GIB = 0.5
_MULTI_GPU_GIB = ((8, 1.74), (2, 0.55), (1, 0.13))


@dataclass(frozen=True, slots=True)
class Memory:
    """One GPU after loading: weights and KV cache in bytes, and the cache in blocks and tokens."""

    weight_bytes: float
    pool_bytes: float
    kv_bytes_per_token: float
    blocks: int
    block_size: int

    @property
    def tokens(self) -> int:
        """What the KV cache holds."""
        return self.blocks * self.block_size


def loaded(config: EngineConfig, settings: Settings) -> float:
    """Return the bytes of weights on one GPU; raise LaunchError when they do not fit."""
    weights = _weight_bytes(config)
    total = settings.gpu_memory_gib * GIB
    if weights + _LEAST_LOAD_GIB * GIB > total:
        raise LaunchError(
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a total capacity of "
            f"{settings.gpu_memory_gib:.2f} GiB of which 98.88 MiB is free. Including non-PyTorch memory, this process "
            f"has {settings.gpu_memory_gib - 0.1:.2f} GiB memory in use.",
            in_engine=True,
        )
    return weights


def profile(config: EngineConfig, settings: Settings) -> Memory:
    """Return the memory after profiling; raise LaunchError when not one request of full length fits."""
    weights = loaded(config, settings)
    per_token = _kv_bytes_per_token(config)
    pool = config.option("kv_cache_memory_bytes") or _pool_bytes(config, settings, weights)
    if pool <= 0:
        raise LaunchError(
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
            "initializing the engine.",
            in_engine=True,
        )
    blocks = config.option("num_gpu_blocks_override") or int(pool / per_token / config.block_size)
    memory = Memory(weights, pool, per_token, blocks=blocks, block_size=config.block_size)
    _require_one_request(config, memory)
    return memory


def with_fitting_length(config: EngineConfig, settings: Settings) -> EngineConfig:
    """Return *config* with the longest context that memory allows, when `--max-model-len auto` asked for it."""
    if config.option("max_model_len") != _AUTOMATIC:
        return config
    tokens = int(max(_pool_bytes(config, settings, loaded(config, settings)), 0) / _kv_bytes_per_token(config))
    most = max(tokens // config.block_size - 1, 1) * config.block_size
    return replace(config, max_model_len=min(config.model.max_model_len, most))


def _require_one_request(config: EngineConfig, memory: Memory) -> None:
    if memory.tokens >= config.max_model_len:
        return
    needed, available = (tokens * memory.kv_bytes_per_token / GIB for tokens in (config.max_model_len, memory.tokens))
    raise LaunchError(
        f"ValueError: To serve at least one request with the models's max seq len ({config.max_model_len}), "
        f"({needed:.2f} GiB KV cache is needed, which is larger than the available KV cache memory ({available:.2f} "
        f"GiB). Based on the available memory, the estimated maximum model length is {memory.tokens}. Try increasing "
        "`gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
        in_engine=True,
    )


def _weight_bytes(config: EngineConfig) -> float:
    share = config.weight_bytes / (config.tensor_parallel * config.pipeline_parallel)
    if not config.option("enable_expert_parallel", default=False):
        return share
    return share * (1 - _EXPERT_SHARE + _EXPERT_SHARE / config.data_parallel)


def _kv_bytes_per_token(config: EngineConfig) -> float:
    return config.model.kv_bytes_per_token(
        tensor_parallel=config.tensor_parallel,
        pipeline_parallel=config.pipeline_parallel,
        element_bytes=_kv_element_bytes(config),
    )


def _kv_element_bytes(config: EngineConfig) -> float:
    dtype = str(config.option("kv_cache_dtype", "auto"))
    if "nvfp4" in dtype:
        return 0.5
    return 1.0 if dtype.startswith(("fp8", "int8")) else 2.0


def _pool_bytes(config: EngineConfig, settings: Settings, weights: float) -> float:
    total = settings.gpu_memory_gib * GIB * float(config.option("gpu_memory_utilization", 0.9))
    other = next(gib for least, gib in _MULTI_GPU_GIB if config.tensor_parallel >= least) * GIB
    return total - weights - other - _activation_bytes(config)


def _activation_bytes(config: EngineConfig) -> float:
    if not config.release.at_least("0.20"):
        return _SAMPLER_BYTES * config.limits.max_num_seqs * config.model.vocabulary
    graphs = 0.0 if config.option("enforce_eager", default=False) else _CUDA_GRAPH_GIB
    return (_LATER_ACTIVATION_GIB + graphs) * GIB
