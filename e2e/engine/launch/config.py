"""What the command line means: defaults filled in, names resolved."""

import json
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from e2e.engine.core.scheduler import Limits
from e2e.engine.launch.failure import LaunchError
from e2e.engine.launch.settings import Settings
from e2e.engine.models import Model, find
from e2e.engine.release import Release

_DEFAULT_MODEL = "Qwen/Qwen3-0.6B"
_ROOMY_GIB, _LARGE_GIB = 160.0, 70.0


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: the name requests use, and where it comes from."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """
    One server as configured.

    *flags* is the parsed command line, for what is only looked at in one place. *known_as* is the name that tells the
    architecture: the model's, unless a path says nothing and the environment does.
    """

    release: Release
    flags: Namespace
    model_name: str
    served_names: tuple[str, ...]
    model: Model
    known_as: str
    tensor_parallel: int
    pipeline_parallel: int
    data_parallel: int
    api_servers: int
    max_model_len: int
    limits: Limits
    block_size: int
    prefix_caching: bool
    pooling: bool
    adapters: tuple[Adapter, ...]
    api_keys: tuple[str, ...]
    shutdown_timeout_seconds: int

    @property
    def local_ranks(self) -> int:
        """The data-parallel ranks that this server runs itself; the others are in other pods."""
        if self.option("data_parallel_rank") is not None or self.option("data_parallel_external_lb"):
            return 1
        return int(self.option("data_parallel_size_local", self.data_parallel))

    @property
    def weight_bytes(self) -> float:
        """All weights as they are loaded, over all GPUs."""
        return self.model.weight_bytes(name=self.known_as, quantization=self.option("quantization"))

    @property
    def gpus(self) -> int:
        """The GPUs it needs, over all its nodes."""
        return self.tensor_parallel * self.pipeline_parallel * self.local_ranks

    def option(self, name: str, default: Any = None) -> Any:
        """Return the flag *name*, or *default* when this release has no such flag or it was not given."""
        value = getattr(self.flags, name, None)
        return default if value is None else value


def resolve(flags: Namespace, *, release: Release, settings: Settings) -> EngineConfig:
    """Return the configuration of *flags*; raise LaunchError when the model cannot be named."""
    name = _model_name(flags)
    known_as = settings.model or name
    model = find(known_as)
    data_parallel = _option(flags, "data_parallel_size", 1)
    max_model_len = _option(flags, "max_model_len", None)
    automatic = max_model_len in (None, -1)
    return EngineConfig(
        release=release,
        flags=flags,
        model_name=name,
        served_names=tuple(_option(flags, "served_model_name", None) or [name]),
        model=model,
        known_as=known_as,
        tensor_parallel=_option(flags, "tensor_parallel_size", 1),
        pipeline_parallel=_option(flags, "pipeline_parallel_size", 1),
        data_parallel=data_parallel,
        api_servers=_api_servers(flags, data_parallel=data_parallel),
        max_model_len=model.max_model_len if automatic else max_model_len,
        limits=_limits(flags, release=release, settings=settings, model_len=max_model_len or model.max_model_len),
        block_size=_option(flags, "block_size", 16),
        prefix_caching=_option(flags, "enable_prefix_caching", True),
        pooling=model.pooling or _option(flags, "runner", "auto") == "pooling",
        adapters=_adapters(_option(flags, "lora_modules", [])),
        api_keys=_api_keys(flags, settings),
        shutdown_timeout_seconds=_option(flags, "shutdown_timeout", 0),
    )


def _option(flags: Namespace, name: str, default: Any) -> Any:
    value = getattr(flags, name, None)
    return default if value is None else value


def _model_name(flags: Namespace) -> str:
    if flags.model_tag:
        return str(flags.model_tag)
    if getattr(flags, "served_model_name", None):
        raise LaunchError(
            "ValueError: `--served-model-name` takes several names, so the model must be given as the positional "
            "argument of `vllm serve`, before any flag."
        )
    return str(_option(flags, "model", _DEFAULT_MODEL))


def _api_servers(flags: Namespace, *, data_parallel: int) -> int:
    external = (
        _option(flags, "data_parallel_external_lb", False) or _option(flags, "data_parallel_rank", None) is not None
    )
    return int(_option(flags, "api_server_count", 1 if external else data_parallel))


def _limits(flags: Namespace, *, release: Release, settings: Settings, model_len: int) -> Limits:
    tokens, sequences = _batching_defaults(release, settings.gpu_memory_gib)
    if _option(flags, "performance_mode", "balanced") == "throughput":
        tokens, sequences = 2 * tokens, 2 * sequences
    chunked = _option(flags, "enable_chunked_prefill", True)
    tokens = _option(flags, "max_num_batched_tokens", tokens if chunked else max(tokens, model_len))
    return Limits(
        max_num_seqs=_option(flags, "max_num_seqs", min(sequences, tokens)),
        max_num_batched_tokens=tokens,
        chunked_prefill=chunked,
        long_prefill_token_threshold=_option(flags, "long_prefill_token_threshold", 0),
        max_loras=_option(flags, "max_loras", 1) if _option(flags, "enable_lora", False) else None,
        by_priority=_option(flags, "scheduling_policy", "fcfs") == "priority",
    )


def _batching_defaults(release: Release, memory_gib: float) -> tuple[int, int]:
    """Return the default tokens and sequences of a step, which vLLM derives from the GPU's memory."""
    if memory_gib >= _ROOMY_GIB and release.at_least("0.28"):
        return 16384, 1024
    return (8192, 1024) if memory_gib >= _LARGE_GIB else (2048, 256)


def _adapters(modules: Sequence[str]) -> tuple[Adapter, ...]:
    return tuple(_adapter(module) for module in modules)


def _adapter(module: str) -> Adapter:
    if not module.lstrip().startswith("{"):
        name, _, path = module.partition("=")
        return Adapter(name=name, path=path)
    fields = json.loads(module)
    return Adapter(name=fields["name"], path=fields["path"])


def _api_keys(flags: Namespace, settings: Settings) -> tuple[str, ...]:
    from_environment = settings.environment.get("VLLM_API_KEY")
    keys = _option(flags, "api_key", None) or ([from_environment] if from_environment else [])
    return tuple(keys)
