"""How much one step of the engine may process: what the user says, or vLLM's own defaults."""

from dataclasses import dataclass
from typing import Self

from modelfleet.api.catalogue.accelerators import GIB, Accelerator
from modelfleet.api.catalogue.engine_version import EngineVersion
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.inputs import FitInput

HUGE_MEMORY_MIB = 160 * GIB
LARGER_BATCHES = EngineVersion(0, 28, 0)
"""From here on accelerators with 160 GiB or more batch 16384 tokens; read from the defaults of vLLM 0.33."""
MOST_CAPTURED = 512
"""The largest batch vLLM captures as a CUDA graph by default."""


@dataclass(frozen=True, slots=True)
class Batching:
    """Limits of one step."""

    tokens: int
    """tokens is `--max-num-batched-tokens`."""
    requests: int
    """requests is `--max-num-seqs`."""

    @classmethod
    def of(cls, fit: FitInput, architecture: Architecture) -> Self:
        """Return the limits of *fit*; without chunked prefill a step takes the longest request."""
        tokens, requests = default_batching(fit.accelerator, fit.engine_version)
        if fit.chunked_prefill is False:
            tokens = max(tokens, fit.max_model_len or architecture.max_position_embeddings)
        tokens = fit.max_num_batched_tokens or tokens
        return cls(tokens, min(fit.max_num_seqs or requests, tokens))

    @property
    def graphs(self) -> int:
        """
        Return how many CUDA graphs are captured: piecewise ones up to twice `requests`, full ones up to `requests`.

        Read from start-up logs of vLLM 0.19 to 0.31: 35 + 19 graphs for 128 requests, 51 + 35 for 256.
        """
        return _captured(2 * self.requests) + _captured(self.requests)


def default_batching(accelerator: Accelerator, version: EngineVersion) -> tuple[int, int]:
    """Return vLLM's defaults for batched tokens and concurrent requests; read from the source of vLLM 0.33."""
    if not accelerator.batches_large:
        return 2048, 256
    is_huge = accelerator.memory_mib >= HUGE_MEMORY_MIB and version >= LARGER_BATCHES
    return (16384 if is_huge else 8192), 1024


def _captured(largest: int) -> int:
    """Return how many batch sizes up to *largest* are captured: 1, 2, 4, every 8 up to 256, every 16 up to 512."""
    largest = min(largest, MOST_CAPTURED)
    small = sum(size <= largest for size in (1, 2, 4))
    return small + min(largest, 256) // 8 + max(0, largest - 256) // 16
