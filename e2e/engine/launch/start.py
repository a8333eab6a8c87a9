"""The start of a server, up to the moment it would answer."""

import socket
import time
from pathlib import Path

from e2e.engine import log
from e2e.engine.flags.catalogue import flags_of
from e2e.engine.launch import surroundings
from e2e.engine.launch.cold_start import ColdStart, Warmth, cold_start
from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.contradictions import first_contradiction, kv_heads
from e2e.engine.launch.failure import LaunchError
from e2e.engine.launch.memory import GIB, Memory, loaded, profile
from e2e.engine.launch.settings import Settings

_UNLOGGED = {"subparser": "serve"}
_SECRET = frozenset({"api_key", "hf_token"})


def bind(config: EngineConfig) -> socket.socket:
    """Return a socket on the server's port that does not listen yet: connections are refused until it does."""
    if config.option("uds"):
        Path(config.option("uds")).unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(config.option("uds"))
        return server
    host, port = config.option("host", ""), config.option("port", 8000)
    server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except OSError as error:
        raise LaunchError(f"OSError: [Errno {error.errno}] {error.strerror}") from error
    return server


def start(config: EngineConfig, settings: Settings) -> Memory:
    """
    Pass the time of a start, leave its traces in the caches and return the memory; raise LaunchError where vLLM fails.

    Blocks; SIGTERM meanwhile is the business of `launch.signals`.
    """
    stages, warmth = _plan(config, settings)
    log.line(f"vLLM API server version {config.release}", source="api_server.py:1885")
    log.line(f"non-default args: {_given(config)}", source="utils.py:328")
    time.sleep(stages.imports)
    _check_configuration(config, settings)
    _say(f"Initializing a V1 LLM engine (v{config.release}) with model='{config.model_name}'", source="core.py:101")
    time.sleep(stages.engine)
    surroundings.check_internal_port(settings)
    surroundings.check_sockets(settings)
    surroundings.check_shared_memory(config, size_bytes=surroundings.shared_memory_bytes())
    _load_weights(config, settings, stages, warm=warmth.weights)
    memory = profile(config, settings)
    _warm_up(config, settings, stages, warmth=warmth)
    _log_memory(config, memory)
    return memory


def _plan(config: EngineConfig, settings: Settings) -> tuple[ColdStart, Warmth]:
    warmth = Warmth(
        weights=not surroundings.is_kept(config.model_name)
        or surroundings.is_there(surroundings.weights_marker(config, settings)),
        graphs=surroundings.is_there(surroundings.graphs_marker(config, settings)),
        eager=bool(config.option("enforce_eager")),
    )
    return cold_start(config.weight_bytes, warmth=warmth, settings=settings), warmth


def _check_configuration(config: EngineConfig, settings: Settings) -> None:
    surroundings.check_variables(config, settings)
    surroundings.check_hub(config, settings)
    error = first_contradiction(config, settings)
    if error is not None:
        raise error


def _load_weights(config: EngineConfig, settings: Settings, stages: ColdStart, *, warm: bool) -> None:
    _say(f"Starting to load model {config.model_name}...", source="gpu_model_runner.py:3551")
    time.sleep(stages.download)
    kept = surroundings.is_kept(config.model_name)
    if kept:
        surroundings.leave(surroundings.weights_marker(config, settings))
    time.sleep(stages.load)
    mismatch = kv_heads(config)
    if mismatch is not None:
        raise mismatch
    size = loaded(config, settings)
    seconds = stages.download + stages.load
    origin = " (cache hit)" if warm and kept else ""
    _say(f"Loading weights took {seconds:.2f} seconds{origin}", source="default_loader.py:293")
    _say(f"Model loading took {size / GIB:.2f} GiB memory and {seconds:.6f} seconds", source="gpu_model_runner.py:3648")


def _warm_up(config: EngineConfig, settings: Settings, stages: ColdStart, *, warmth: Warmth) -> None:
    time.sleep(stages.compile)
    if not warmth.eager:
        surroundings.leave(surroundings.graphs_marker(config, settings))
        origin = " (cache hit)" if warmth.graphs else ""
        _say(f"torch.compile took {stages.compile:.2f} s in total{origin}", source="monitor.py:34")
    time.sleep(stages.capture)


def _log_memory(config: EngineConfig, memory: Memory) -> None:
    concurrency = memory.tokens / config.max_model_len
    _say(f"GPU KV cache size: {memory.tokens:,} tokens", source="kv_cache_utils.py:1319")
    _say(
        f"Maximum concurrency for {config.max_model_len:,} tokens per request: {concurrency:.2f}x",
        source="kv_cache_utils.py:1324",
    )


def _say(message: str, *, source: str) -> None:
    log.line(message, process=log.ENGINE_CORE, source=source)


def _given(config: EngineConfig) -> dict[str, object]:
    usual = {flag.dest: flag.default for flag in flags_of(config.release)} | _UNLOGGED
    return {
        name: value
        for name, value in vars(config.flags).items()
        if value not in (None, False, usual.get(name)) and name not in _SECRET
    }
