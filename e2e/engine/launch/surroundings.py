"""What the container around the engine must give it: variables, writable paths, shared memory, a token for the hub."""

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlparse

from e2e.engine import log
from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.failure import LaunchError
from e2e.engine.launch.settings import Settings

_GATED_PREFIX = "meta-llama/"
_REMOTE = ("s3://", "gs://")
_LEAST_SHM_BYTES = 2**30
_SERVICE_LINK = re.compile(r"VLLM_(SERVICE_(HOST|PORT).*|PORT_\d+_(TCP|UDP).*)")


def check_variables(config: EngineConfig, settings: Settings) -> None:
    """Warn of variables that service links leave behind; raise LaunchError when that is asked to be fatal."""
    unknown = sorted(name for name in settings.environment if _SERVICE_LINK.fullmatch(name))
    for name in unknown:
        log.line(f"Unknown vLLM environment variable detected: {name}", level="WARNING", source="envs.py:1953")
    if unknown and config.option("fail_on_environ_validation"):
        raise LaunchError(f"ValueError: Unknown vLLM environment variable detected: {unknown[0]}")


def check_internal_port(settings: Settings) -> None:
    """Raise LaunchError when `VLLM_PORT` is no number, as under a Service named vllm with service links on."""
    port = settings.environment.get("VLLM_PORT")
    if port is None or port.isdigit():
        return
    if urlparse(port).scheme:
        raise LaunchError(
            f"ValueError: VLLM_PORT '{port}' appears to be a URI. This may be caused by a Kubernetes service discovery "
            "issue,check the warning in: https://docs.vllm.ai/en/stable/serving/env_vars.html",
            in_engine=True,
        )
    raise LaunchError(f"ValueError: VLLM_PORT '{port}' must be a valid integer", in_engine=True)


def check_hub(config: EngineConfig, settings: Settings) -> None:
    """Raise LaunchError when the model is gated and no token was given, or is absent where nothing may be fetched."""
    name = config.model_name
    if is_local(name):
        _check_directory(name, settings)
        return
    token = str(config.option("hf_token") or settings.environment.get("HF_TOKEN", ""))
    if settings.gated and name.startswith(_GATED_PREFIX) and not token.startswith("hf_"):
        raise LaunchError(_gated(name))
    if settings.flag("HF_HUB_OFFLINE") and not is_there(weights_marker(config, settings)):
        raise LaunchError(
            "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for the "
            "specified revision on the local disk and outgoing traffic has been disabled. To enable repo look-ups and "
            "downloads online, set 'HF_HUB_OFFLINE=0' as environment variable."
        )


def check_sockets(settings: Settings) -> None:
    """Raise LaunchError when no socket can be made for the processes to talk over."""
    try:
        with tempfile.NamedTemporaryFile(dir=settings.rpc_base_path, prefix="vllm-rpc-"):
            pass
    except OSError as error:
        raise LaunchError(_os_error(error), in_engine=True) from error


def check_shared_memory(config: EngineConfig, *, size_bytes: int | None) -> None:
    """Raise LaunchError when tensor parallelism has less than 1 GiB of `/dev/shm`; vLLM would take SIGBUS later."""
    if config.tensor_parallel == 1 or size_bytes is None or size_bytes >= _LEAST_SHM_BYTES:
        return
    raise LaunchError(
        f"RuntimeError: DataLoader worker (pid 77) is killed by signal: Bus error. /dev/shm has {size_bytes >> 20} "
        f"MiB, and tensor parallelism over {config.tensor_parallel} GPUs reserves more than 1024 MiB there.",
        in_engine=True,
    )


def shared_memory_bytes() -> int | None:
    """Return the size of `/dev/shm`, None where there is none."""
    try:
        status = os.statvfs("/dev/shm")
    except OSError:
        return None
    return status.f_frsize * status.f_blocks


def is_local(name: str) -> bool:
    """Tell whether *name* is a path, not a repository of the hub."""
    return name.startswith(("/", "./"))


def weights_marker(config: EngineConfig, settings: Settings) -> Path:
    """Return the file whose presence means that the weights were downloaded before."""
    root = Path(config.option("download_dir") or settings.hub_home / "hub")
    repository = re.sub(r"[^A-Za-z0-9.-]+", "--", config.model_name)
    return root / f"models--{repository}" / "snapshots" / str(config.option("revision", "main")) / "stand-in-weights"


def graphs_marker(config: EngineConfig, settings: Settings) -> Path:
    """Return the file whose presence means that the graphs of this model and shape were compiled before."""
    repository = re.sub(r"[^A-Za-z0-9.-]+", "--", config.model_name)
    shape = f"{config.release}-tp{config.tensor_parallel}-pp{config.pipeline_parallel}-{config.max_model_len}"
    return settings.cache_root / "torch_compile_cache" / f"{repository}-{shape}" / "stand-in-graphs"


def is_there(marker: Path) -> bool:
    """Tell whether *marker* was left; what cannot be read was not."""
    try:
        return marker.exists()
    except OSError:
        return False


def leave(marker: Path) -> None:
    """Write *marker*; raise LaunchError when its place is read-only."""
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    except OSError as error:
        raise LaunchError(_os_error(error), in_engine=True) from error


def is_kept(name: str) -> bool:
    """Tell whether the weights go through the hub's cache: not those of a path, nor those of an object store."""
    return not is_local(name) and not name.startswith(_REMOTE)


def _check_directory(name: str, settings: Settings) -> None:
    if settings.local_models and not Path(name).is_dir():
        raise LaunchError(
            f"Invalid repository ID or local directory specified: '{name}'. Please verify the following requirements: "
            "1. Provide a valid Hugging Face repository ID. 2. Specify a local directory that contains a recognized "
            "configuration file.",
            validates="ModelConfig",
        )


def _gated(name: str) -> str:
    url = f"https://huggingface.co/{name}"
    return (
        f"huggingface_hub.errors.GatedRepoError: 401 Client Error. Cannot access gated repo for url {url}/resolve/main/"
        f"config.json. Access to model {name} is restricted. You must have access to it and be authenticated to access "
        f"it. Please log in.\nOSError: You are trying to access a gated repo. Make sure to have access to it at {url}."
    )


def _os_error(error: OSError) -> str:
    kind = type(error).__name__
    return f"{kind}: [Errno {error.errno}] {error.strerror}: '{error.filename}'"
