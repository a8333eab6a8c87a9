"""
The arguments of `vllm serve` for a fleet.

Every argument knows the spec field that asked for it. What a field asked for must exist in the image's version, or the
spec is refused; what the operator adds by itself is left out where the version does not know it. Negative flags are
spelled `--no-enable-…`, the only spelling that every version takes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modelfleet.api.catalogue import EngineVersion
from modelfleet.api.names import ENGINE_PORT
from modelfleet.api.v1alpha1.cache_policy import EngineCache
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.model_deployment.engine import Engine, Speculative
from modelfleet.api.v1alpha1.model_deployment.model import Adapter, scheme_of
from modelfleet.workload import rollout, traces
from modelfleet.workload.sources import Source, is_streamed, locate

MODEL_PATH = "/models/model"
DRAFT_PATH = "/models/draft"
ADAPTERS_PATH = "/models/adapters"

LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values that every supported version takes for `--max-lora-rank`."""
DEFAULT_RANK = 16
"""vLLM's own default."""
MOST_ADAPTERS_AT_ONCE = 8
"""Adapters in one batch; the engine reserves accelerator memory for each, and swaps the others in."""

METHODS = {"DraftModel": "draft_model", "Eagle": "eagle", "Eagle3": "eagle3", "Mtp": "mtp", "Ngram": "ngram"}
POLICY = "the CachePolicy"
METHODS_SINCE = {"DraftModel": EngineVersion(0, 14, 0), "Mtp": EngineVersion(0, 11, 0)}
"""
0.13.0 says "Speculative decoding with draft model is not supported yet"; before 0.11.0 every model had a method of its
own in place of `mtp`, as the API reference of 0.11.0 and its predecessor show.
"""
BUCKETS_SINCE = {"gs": EngineVersion(0, 11, 0)}
"""The published images of 0.10.2 lack the client for gs:// (pull request 24909 of vLLM added it)."""
OFFLOADING = {"Native": "native", "LMCache": "lmcache"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One flag with its values; *field* asked for it, *of* another object if named; both are empty for our own."""

    flag: str
    values: tuple[str, ...] = ()
    field: str = ""
    of: str = ""
    value: str = ""
    """value is what the field says, where versions that have the flag may lack it."""
    since: EngineVersion | None = None
    """since is the first version that has *value*."""

    @property
    def name(self) -> str:
        """Return the flag as catalogues list it: without the `no-` of a negative boolean."""
        return self.flag.replace("--no-", "--", 1)

    @property
    def place(self) -> str:
        """Return what asked for it as messages name it."""
        return f"`{self.field}` of {self.of}" if self.of else f"`{self.field}`"


def model_source(fleet: ModelDeployment) -> Source:
    """Return where the engine finds the base model."""
    return locate(fleet.spec.model.source, volume="model", mount_path=MODEL_PATH)


def draft_source(speculative: Speculative) -> Source | None:
    """Return where the engine finds the draft model, if the method has one."""
    return locate(speculative.model, volume="draft", mount_path=DRAFT_PATH) if speculative.model else None


def adapter_sources(adapters: Sequence[Adapter]) -> tuple[Source, ...]:
    """Return where the engine finds each adapter."""
    return tuple(
        locate(adapter.source, volume=f"adapter-{i}", mount_path=f"{ADAPTERS_PATH}/{i}")
        for i, adapter in enumerate(adapters)
    )


def adapters_at_once(adapters: Sequence[Adapter]) -> int:
    """Return how many adapters one batch may use."""
    return min(len(adapters), MOST_ADAPTERS_AT_ONCE)


def reserved_rank(adapters: Sequence[Adapter]) -> int:
    """Return the rank the engine reserves memory for, of every adapter; 0 without adapters."""
    largest = max((adapter.rank or DEFAULT_RANK for adapter in adapters), default=0)
    return next(rank for rank in (0, *LORA_RANKS) if rank >= largest)


def declared(
    fleet: ModelDeployment, cache: EngineCache | None, *, tensor_parallel_size: int, traces_to: str | None = None
) -> tuple[Argument, ...]:
    """Return every argument a typed field or the operator wants, before the version has its say."""
    engine = fleet.spec.engine
    return (
        *_names(fleet),
        *_parallelism(engine, tensor_parallel_size),
        *_limits(engine),
        *_formats(engine),
        *_speculation(engine.speculative),
        *_features(engine),
        *_adapters(fleet),
        *_caching(cache, data_parallel_size=engine.data_parallel_size),
        *_loading(fleet),
        Argument("--shutdown-timeout", (str(rollout.drain_seconds(fleet)),)),
        Argument("--disable-access-log-for-endpoints", ("/health,/metrics",)),
        *([Argument(traces.FLAG, (traces_to,))] if traces_to else []),
    )


def command_line(
    fleet: ModelDeployment, arguments: Sequence[Argument], *, has_flag: Callable[[str], bool]
) -> list[str]:
    """Return the words after `vllm serve`: the model, what the version knows of *arguments*, the user's own."""
    known = [argument for argument in arguments if has_flag(argument.name)]
    words = [word for argument in known for word in (argument.flag, *argument.values)]
    return [model_source(fleet).argument, *words, *fleet.spec.engine.extra_args]


def _names(fleet: ModelDeployment) -> Iterator[Argument]:
    if fleet.spec.model.revision:
        yield Argument("--revision", (fleet.spec.model.revision,), "model.revision")
    yield Argument("--served-model-name", (*fleet.served_names, fleet.canonical_name))
    yield Argument("--port", (str(ENGINE_PORT),))


def _parallelism(engine: Engine, tensor_parallel_size: int) -> Iterator[Argument]:
    yield Argument("--tensor-parallel-size", (str(tensor_parallel_size),), "engine.tensorParallelSize")
    if engine.pipeline_parallel_size > 1:
        size = str(engine.pipeline_parallel_size)
        yield Argument("--pipeline-parallel-size", (size,), "engine.pipelineParallelSize")
    if engine.data_parallel_size > 1:
        yield Argument("--data-parallel-size", (str(engine.data_parallel_size),), "engine.dataParallelSize")
    if engine.expert_parallel:
        yield Argument("--enable-expert-parallel", (), "engine.expertParallel")


def _limits(engine: Engine) -> Iterator[Argument]:
    yield Argument("--gpu-memory-utilization", (f"{engine.gpu_memory_percent / 100:.2f}",), "engine.gpuMemoryPercent")
    for flag, value, field in (
        ("--max-model-len", engine.max_model_len, "engine.maxModelLen"),
        ("--max-num-seqs", engine.max_num_seqs, "engine.maxNumSeqs"),
        ("--max-num-batched-tokens", engine.max_num_batched_tokens, "engine.maxNumBatchedTokens"),
    ):
        if value is not None:
            yield Argument(flag, (str(value),), field)


def _formats(engine: Engine) -> Iterator[Argument]:
    if engine.dtype != "auto":
        yield Argument("--dtype", (engine.dtype,), "engine.dtype")
    if engine.quantization:
        yield Argument("--quantization", (engine.quantization,), "engine.quantization")
    if engine.kv_cache_dtype != "auto":
        yield Argument("--kv-cache-dtype", (engine.kv_cache_dtype,), "engine.kvCacheDtype")


def _features(engine: Engine) -> Iterator[Argument]:
    if engine.chunked_prefill is not None:
        yield _switch("enable-chunked-prefill", on=engine.chunked_prefill, field="engine.chunkedPrefill")
    if engine.enforce_eager:
        yield Argument("--enforce-eager", (), "engine.enforceEager")
    if engine.tool_call_parser:
        yield Argument("--enable-auto-tool-choice", (), "engine.toolCallParser")
        yield Argument("--tool-call-parser", (engine.tool_call_parser,), "engine.toolCallParser")
    if engine.reasoning_parser:
        yield Argument("--reasoning-parser", (engine.reasoning_parser,), "engine.reasoningParser")
    if engine.chat_template:
        # The kubelet expands `$(NAME)` in arguments and makes one `$` of two, and templates are full of formulas.
        yield Argument("--chat-template", (engine.chat_template.replace("$", "$$"),), "engine.chatTemplate")
    yield Argument("--enable-force-include-usage")
    yield Argument("--enable-prompt-tokens-details")


def _speculation(speculative: Speculative | None) -> Iterator[Argument]:
    if speculative:
        field, config = "engine.speculative.method", _speculative_config(speculative)
        since = METHODS_SINCE.get(speculative.method)
        yield Argument("--speculative-config", (config,), field, value=speculative.method, since=since)


def _speculative_config(speculative: Speculative) -> str:
    config: dict[str, str | int] = {"method": METHODS[speculative.method], "num_speculative_tokens": speculative.tokens}
    if draft := draft_source(speculative):
        config["model"] = draft.argument
    if speculative.method == "Ngram":
        config["prompt_lookup_max"] = speculative.tokens
    return json.dumps(config, sort_keys=True)


def _adapters(fleet: ModelDeployment) -> Iterator[Argument]:
    adapters = fleet.spec.model.adapters
    if not adapters:
        return
    modules = tuple(
        f"{adapter.name}={source.argument}" for adapter, source in zip(adapters, adapter_sources(adapters), strict=True)
    )
    yield Argument("--enable-lora", (), "model.adapters")
    yield Argument("--max-lora-rank", (str(reserved_rank(adapters)),), "model.adapters")
    yield Argument("--max-loras", (str(adapters_at_once(adapters)),), "model.adapters")
    yield Argument("--max-cpu-loras", (str(len(adapters)),), "model.adapters")
    yield Argument("--lora-modules", modules, "model.adapters")


def _caching(cache: EngineCache | None, *, data_parallel_size: int) -> Iterator[Argument]:
    if cache is None:
        return
    if cache.prefix_caching is not None:
        yield _switch("enable-prefix-caching", on=cache.prefix_caching, field="engine.prefixCaching", of=POLICY)
    if offload := cache.kv_offload:
        # Tensor and pipeline ranks share the size that the flag says; every data-parallel rank has its own.
        size = f"{offload.cpu_gib / data_parallel_size:g}"
        yield Argument("--kv-offloading-size", (size,), "engine.kvOffload", POLICY)
        yield Argument("--kv-offloading-backend", (OFFLOADING[offload.backend],), "engine.kvOffload", POLICY)


def _loading(fleet: ModelDeployment) -> Iterator[Argument]:
    source = fleet.spec.model.source
    if is_streamed(source):
        scheme = scheme_of(source)
        since = BUCKETS_SINCE.get(scheme)
        yield Argument("--load-format", ("runai_streamer",), "model.source", value=f"{scheme}://", since=since)


def _switch(flag: str, *, on: bool, field: str, of: str = "") -> Argument:
    return Argument(f"--{flag}" if on else f"--no-{flag}", (), field, of)
