"""The arithmetic of the fit check in words and numbers."""

from collections.abc import Sequence

from modelfleet.workload.fit.cache import BLOCK_TOKENS
from modelfleet.workload.fit.estimate import Estimate
from modelfleet.workload.fit.inputs import FitInput

GIB = 1024**3
KIB = 1024


def where(fit: FitInput, tensor_parallel_size: int) -> str:
    """Return `llama at tensorParallelSize 2 on nvidia-l4-24gb`."""
    return f"{fit.model_name} at `tensorParallelSize` {tensor_parallel_size} on {fit.accelerator.name}"


def arithmetic(fit: FitInput, found: Estimate) -> str:
    """Return the sum for the tightest accelerator, and what the KV cache holds."""
    memory, total = found.tightest, fit.accelerator.memory_mib / KIB
    return (
        f"per accelerator {_gib(memory.budget)} ({fit.gpu_memory_percent} % of {total:.1f} GiB)"
        f" − {_gib(memory.weights)} weights − {_gib(memory.activations)} activations"
        f" − {_gib(memory.graphs)} CUDA graphs − {_gib(memory.non_torch)} CUDA and NCCL"
        f" = {_gib(memory.pool)} for the KV cache"
    )


def holding(found: Estimate) -> str:
    """Return what the KV cache holds, of one data-parallel rank and of all."""
    held = found.capacity
    each = "" if found.ranks == 1 else f", in each of {found.ranks} data-parallel ranks"
    requests = f"{held.requests:.1f} requests of {found.longest} tokens"
    return f"{held.tokens} tokens{_cost(found)}: {requests}{each}"


def shortage(found: Estimate) -> str:
    """Return what one request of the longest length needs, and the longest that fits."""
    need = found.tightest.cache.bytes_for(found.longest)
    longest = found.longest_that_fits // BLOCK_TOKENS * BLOCK_TOKENS
    remedy = f"; the longest that fits is `maxModelLen` {longest}" if longest else ""
    return f"one request of {found.longest} tokens needs {_gib(need)}{remedy}"


def too_large(fit: FitInput, found: Estimate) -> str:
    """Return how much larger the weights are than what the engine may use."""
    budget, total = found.tightest.budget, fit.accelerator.memory_mib / KIB
    share = f"{fit.gpu_memory_percent} % of {total:.1f} GiB"
    return (
        f"its weights alone are {_gib(found.heaviest)} per accelerator, and the engine may use {_gib(budget)} ({share})"
    )


def remedy(sizes: Sequence[int], maybe: Sequence[int]) -> str:
    """Return which sizes would do: *sizes* fit, *maybe* may; empty when neither are any."""
    if sizes:
        return f" The smallest `tensorParallelSize` that fits is {sizes[0]}."
    return f" `tensorParallelSize` {maybe[0]} may fit." if maybe else ""


def alternatives(fit: FitInput, others: Sequence[tuple[str, int]]) -> str:
    """Return on which accelerators the model fits, when no size fits on the one asked for."""
    none = f" No `tensorParallelSize` fits on {fit.accelerator.name}"
    if others:
        return f"{none}; it fits on {', '.join(f'{name} (`tensorParallelSize` {size})' for name, size in others)}."
    return f"{none}, nor on another accelerator of the catalogue." if fit.alternatives else f"{none}."


def _cost(found: Estimate) -> str:
    """Return what one token costs where that is one number; in mixed models it depends on the length."""
    cache = found.tightest.cache
    if cache.sliding_groups:
        return ""
    return f" of {cache.block_bytes / BLOCK_TOKENS / KIB:.1f} KiB"


def _gib(value: float) -> str:
    return f"{value / GIB:.1f} GiB".replace("-", "−")
