"""The switches of the stand-in itself, and the variables of vLLM that it heeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Read once from the environment; every name is in docs/stand-in-engine.md."""

    time_factor: float = 30.0
    cold_start_seconds: float | None = None
    step_scale: float = 1.0
    tick_seconds: float = 0.02
    gpus: int | None = None
    gpu_memory_gib: float = 79.18
    gated: bool = False
    model: str | None = None
    faults: bool = False
    local_models: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def flag(self, name: str) -> bool:
        """Tell whether the variable *name* of vLLM is switched on."""
        return self.environment.get(name, "").lower() in ("1", "true")

    @property
    def hub_home(self) -> Path:
        """Where downloaded weights are kept."""
        return Path(self.environment.get("HF_HOME") or self._home / ".cache/huggingface")

    @property
    def cache_root(self) -> Path:
        """Where compiled graphs are kept."""
        return Path(self.environment.get("VLLM_CACHE_ROOT") or self._home / ".cache/vllm")

    @property
    def rpc_base_path(self) -> Path:
        """Where the sockets between the processes are."""
        return Path(self.environment.get("VLLM_RPC_BASE_PATH") or "/tmp")

    @property
    def _home(self) -> Path:
        return Path(self.environment.get("HOME") or "/root")


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Return the settings in *environment*; raise ValueError for a number that is none."""

    def number(name: str, default: float) -> float:
        return float(environment.get(f"VLLM_STANDIN_{name}") or default)

    def switch(name: str) -> bool:
        return environment.get(f"VLLM_STANDIN_{name}") == "1"

    cold_start, gpus = environment.get("VLLM_STANDIN_COLD_START_SECONDS"), environment.get("VLLM_STANDIN_GPUS")
    return Settings(
        time_factor=number("TIME_FACTOR", 30.0),
        cold_start_seconds=float(cold_start) if cold_start else None,
        step_scale=number("STEP_SCALE", 1.0),
        tick_seconds=number("TICK_SECONDS", 0.02),
        gpus=int(gpus) if gpus else None,
        gpu_memory_gib=number("GPU_MEMORY_GIB", 79.18),
        gated=switch("GATED"),
        model=environment.get("VLLM_STANDIN_MODEL") or None,
        faults=switch("FAULTS"),
        local_models=switch("LOCAL_MODELS"),
        environment=dict(environment),
    )
