"""
Settings that contradict each other or the model, each ending the launch with the error vLLM ends with.

One function per contradiction; it returns the error, or None. The order is vLLM's: arguments, then the model's
configuration, then parallelism, then the scheduler.
"""

import json
from collections.abc import Callable
from pathlib import Path

from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.failure import LaunchError
from e2e.engine.launch.settings import Settings

Check = Callable[[EngineConfig, Settings], LaunchError | None]

_KV_ROLES = ("kv_producer", "kv_consumer", "kv_both")
_ACCEPTED: dict[str, list[str]] = json.loads(
    (Path(__file__).resolve().parent.parent / "data" / "accepted_values.json").read_text()
)
"""Values that argparse lets through and the configuration checks."""


def first_contradiction(config: EngineConfig, settings: Settings) -> LaunchError | None:
    """Return the first error that vLLM would report for *config*, None when it would go on."""
    return next((error for check in CHECKS if (error := check(config, settings)) is not None), None)


def _tool_parser(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    if config.option("enable_auto_tool_choice") and not config.option("tool_call_parser"):
        return LaunchError("TypeError: Error: --enable-auto-tool-choice requires --tool-call-parser")
    return None


def _adapters_enabled(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    if config.adapters and not config.option("enable_lora"):
        return LaunchError("RuntimeError: LoRA is not enabled. Use --enable-lora to enable LoRA.")
    return None


def _connector_role(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    transfer = config.option("kv_transfer_config", {})
    if "kv_connector" in transfer and transfer.get("kv_role") not in _KV_ROLES:
        return LaunchError(
            f"Please specify kv_role when kv_connector is set, supported roles are {_KV_ROLES}",
            validates="KVTransferConfig",
        )
    return None


def _speculation(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    given = config.option("speculative_config", {})
    method, tokens = given.get("method"), given.get("num_speculative_tokens")
    if method is not None and method not in _ACCEPTED["speculative_method"]:
        return LaunchError(f"Input should be one of the known methods, got '{method}'", validates="SpeculativeConfig")
    if not given or (isinstance(tokens, int) and tokens > 0) or "mtp" in str(method):
        return None
    return LaunchError(
        "A speculative model was provided, but `num_speculative_tokens` was not provided or is not greater than zero.",
        validates="SpeculativeConfig",
    )


def _quantization_known(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    method = config.option("quantization")
    known = _ACCEPTED["quantization"]
    if method is None or method in known:
        return None
    return LaunchError(f"Unknown quantization method: {method}. Must be one of {known}.", validates="ModelConfig")


def _kv_dtype_known(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    dtype = str(config.option("kv_cache_dtype", "auto"))
    families = tuple(_ACCEPTED["kv_cache_dtype_families"])
    if dtype in _ACCEPTED["kv_cache_dtype"] or dtype.startswith(families):
        return None
    return LaunchError(f"Unknown kv cache dtype: {dtype}", validates="CacheConfig")


def _model_len(config: EngineConfig, settings: Settings) -> LaunchError | None:
    derived = config.model.max_model_len
    if config.max_model_len <= derived or settings.flag("VLLM_ALLOW_LONG_MAX_MODEL_LEN"):
        return None
    return LaunchError(
        f"User-specified max_model_len ({config.max_model_len}) is greater than the derived max_model_len "
        f"(max_position_embeddings={derived} or model_max_length=None in model's config.json). To allow "
        "greater lengths, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1. VLLM_ALLOW_LONG_MAX_MODEL_LEN must be used "
        "with extreme caution.",
        validates="ModelConfig",
    )


def _utilization(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    if not 0 < config.option("gpu_memory_utilization", 0.9) <= 1:
        return LaunchError(
            f"GPU memory utilization must be less than 1.0. Got {config.option('gpu_memory_utilization')}.",
            validates="CacheConfig",
        )
    return None


def _heads(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    if config.model.heads % config.tensor_parallel == 0:
        return None
    return LaunchError(
        f"Total number of attention heads ({config.model.heads}) must be divisible by tensor parallel size "
        f"({config.tensor_parallel}).",
        validates="VllmConfig",
    )


def _experts(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    if config.option("enable_expert_parallel") and not config.model.moe:
        return LaunchError(
            "Number of experts in the model must be greater than 0 when expert parallelism is enabled.",
            validates="VllmConfig",
        )
    return None


def _external_balancer(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    external = config.option("data_parallel_external_lb") or config.option("data_parallel_rank") is not None
    if external and config.data_parallel > 1 and not config.model.moe:
        return LaunchError("ValueError: Offline or external data parallelism is only supported for MoE models.")
    return None


def _nodes(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    nodes = config.option("nnodes", 1)
    if config.gpus % nodes:
        return LaunchError(
            f"World size ({config.gpus}) must be divisible by the number of nodes ({nodes}).",
            validates="ParallelConfig",
        )
    return None


def _gpus(config: EngineConfig, settings: Settings) -> LaunchError | None:
    wanted = config.gpus // config.option("nnodes", 1)
    if settings.gpus is None or wanted <= settings.gpus:
        return None
    return LaunchError(
        f"World size ({wanted}) is larger than the number of available GPUs ({settings.gpus}) in this node. If this is "
        "intentional and you are using: - ray, set '--distributed-executor-backend ray'. - multiprocessing, set "
        "'--nnodes' appropriately.",
        validates="ParallelConfig",
    )


def _batch_holds_sequences(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    limits = config.limits
    if limits.max_num_batched_tokens >= limits.max_num_seqs:
        return None
    return LaunchError(
        f"max_num_batched_tokens ({limits.max_num_batched_tokens}) must be greater than or equal to max_num_seqs "
        f"({limits.max_num_seqs}).",
        validates="SchedulerConfig",
    )


def _batch_holds_prompt(config: EngineConfig, settings: Settings) -> LaunchError | None:
    del settings
    limits = config.limits
    if limits.chunked_prefill or limits.max_num_batched_tokens >= config.max_model_len:
        return None
    return LaunchError(
        f"max_num_batched_tokens ({limits.max_num_batched_tokens}) is smaller than max_model_len "
        f"({config.max_model_len}). This effectively limits the maximum sequence length to max_num_batched_tokens and "
        "makes vLLM reject longer sequences. Please increase max_num_batched_tokens or decrease max_model_len.",
        validates="SchedulerConfig",
    )


CHECKS: tuple[Check, ...] = (
    _tool_parser,
    _connector_role,
    _speculation,
    _quantization_known,
    _model_len,
    _utilization,
    _kv_dtype_known,
    _external_balancer,
    _nodes,
    _gpus,
    _heads,
    _experts,
    _batch_holds_sequences,
    _batch_holds_prompt,
    _adapters_enabled,
)


def kv_heads(config: EngineConfig) -> LaunchError | None:
    """Return the bare AssertionError that a KV-head mismatch dies with, only once the weights are being loaded."""
    heads, parallel = config.model.kv_heads, config.tensor_parallel
    if config.model.mla or (heads % parallel == 0 if heads >= parallel else parallel % heads == 0):
        return None
    return LaunchError("AssertionError", in_engine=True)
