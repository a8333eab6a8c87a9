"""A server from its parts: engines, series and routes of one configuration."""

from e2e.engine.api.context import Context
from e2e.engine.api.metrics import HttpMetrics
from e2e.engine.core.kv_cache import KvCache
from e2e.engine.core.scheduler import Scheduler
from e2e.engine.core.step_time import accelerator, step_time
from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.memory import Memory
from e2e.engine.launch.settings import Settings
from e2e.engine.metrics.cache_config import add_cache_config
from e2e.engine.metrics.exposition import Exposition
from e2e.engine.metrics.families import Condition, Selection
from e2e.engine.metrics.recorder import Recorder
from e2e.engine.metrics.values import Store
from e2e.engine.serving.client import Admission, EngineClient
from e2e.engine.serving.engine import Engine


def assemble(config: EngineConfig, settings: Settings, memory: Memory) -> Context:
    """Return the server of *config*, not started yet."""
    store = Store(_selection(config), model_name=config.served_names[0], engines=config.local_ranks)
    for rank in range(config.local_ranks):
        store.number("vllm:engine_sleep_state", "awake", engine=rank).set(1)
    exposition = Exposition(merged=config.api_servers > 1)
    if not config.option("disable_log_stats"):
        exposition.add(store)
        add_cache_config(exposition.registry, config, memory)
    engines = [_engine(config, settings, memory, store, rank) for rank in range(config.local_ranks)]
    admission = Admission(config.option("max_num_queued_reqs"), config.option("max_num_queued_tokens"))
    return Context(
        config=config,
        settings=settings,
        client=EngineClient(engines, admission=admission, store=store),
        store=store,
        exposition=exposition,
        http_metrics=HttpMetrics(exposition.registry),
        adapters={adapter.name: adapter for adapter in config.adapters},
    )


def _engine(config: EngineConfig, settings: Settings, memory: Memory, store: Store, rank: int) -> Engine:
    pace = step_time(
        config.model,
        gpu=accelerator(settings.gpu_memory_gib),
        weight_bytes=config.weight_bytes,
        kv_bytes_per_token=memory.kv_bytes_per_token,
        tensor_parallel=config.tensor_parallel,
        scale=settings.step_scale,
    )
    least = -(-config.max_model_len // memory.block_size) + 1
    cache = KvCache(
        blocks=max(memory.blocks, least), block_size=memory.block_size, prefix_caching=config.prefix_caching
    )
    return Engine(
        scheduler=Scheduler(limits=config.limits, cache=cache, pace=pace),
        recorder=Recorder(store, engine=rank, max_loras=config.limits.max_loras),
        tick_seconds=settings.tick_seconds,
    )


def _selection(config: EngineConfig) -> Selection:
    conditions: set[Condition] = {"always"}
    conditions |= {"lora"} if config.option("enable_lora") else set()
    conditions |= {"speculative"} if config.option("speculative_config") or config.option("spec_method") else set()
    conditions |= {"kv_cache_metrics"} if config.option("kv_cache_metrics") else set()
    custom = config.option("custom_histogram_buckets", {})
    return Selection(
        release=config.release,
        max_model_len=config.max_model_len,
        hidden=config.option("show_hidden_metrics_for_version") is not None,
        conditions=frozenset(conditions),
        custom_buckets={name: tuple(bounds) for name, bounds in custom.items()},
    )
