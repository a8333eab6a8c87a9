"""What the fit check looks at."""

from dataclasses import dataclass
from typing import Literal

from modelfleet.api.catalogue.accelerators import Accelerator
from modelfleet.api.catalogue.engine_version import EngineVersion
from modelfleet.api.v1alpha1.architecture import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class FitInput:
    """One model on one accelerator with one engine; absent values mean vLLM's own defaults."""

    architecture: Architecture | None
    """architecture is the model's; None means unknown: every row is then Unknown."""
    accelerator: Accelerator
    engine_version: EngineVersion
    model_name: str = "the model"
    """model_name is what messages call the model."""
    gpu_memory_percent: int = 90
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    expert_parallel: bool = False
    quantization: str | None = None
    """quantization is what the user asks for, as vLLM names it; None means what the architecture says."""
    dtype: str = "auto"
    kv_cache_dtype: str = "auto"
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    chunked_prefill: bool | None = None
    enforce_eager: bool = False
    speculative_method: Literal["DraftModel", "Eagle", "Eagle3", "Mtp", "Ngram"] | None = None
    speculative_tokens: int = 0
    draft_architecture: Architecture | None = None
    """draft_architecture is the draft model's, when it is known; None guesses from the method."""
    adapters: int = 0
    """adapters is how many LoRA adapters one batch may use; the engine reserves memory for each."""
    adapter_rank: int = 0
    """adapter_rank is the largest rank of the adapters, as the engine rounds it up."""
    alternatives: tuple[Accelerator, ...] = ()
    """alternatives are accelerators to name in the message when no size fits on this one."""
