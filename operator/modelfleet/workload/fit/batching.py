"""How much one step of the engine may process: what the user says, or vLLM's own defaults."""

from dataclasses import dataclass
from typing import Self

from modelfleet.api.catalogue.batching import default_batching
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.inputs import FitInput

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


def _captured(largest: int) -> int:
    """Return how many batch sizes up to *largest* are captured: 1, 2, 4, every 8 up to 256, every 16 up to 512."""
    largest = min(largest, MOST_CAPTURED)
    small = sum(size <= largest for size in (1, 2, 4))
    return small + min(largest, 256) // 8 + max(0, largest - 256) // 16
