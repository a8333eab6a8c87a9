"""
How fast one replica is, and how much it holds.

A step of the engine takes `T = t0 + sqrt(w² + (g·n)²) + d·K + q·Σ chunk·(context + chunk/2)` seconds, where n is the
number of tokens in the step, K the number of tokens in the KV cache of the sequences that decode, and the sum runs over
the chunks of prompts. w reads the weights once, g is the arithmetic of a token, d reads the cache, q is the attention
inside a prompt. The form fits published operator profiles (8B on A100, 7B and 70B on H100) to 2.8 %.
"""

import math
from dataclasses import dataclass

BLOCK_TOKENS = 16
"""Tokens of a KV block; vLLM's default."""

_LAUNCH_SECONDS = 0.0012
_ALL_REDUCE_SECONDS_PER_LAYER = 30e-6
_BANDWIDTH_SHARE = 0.85
_COMPUTE_SHARE = 0.55
"""What engines reach of the figures on an accelerator's data sheet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """The pace and the room of one replica; times in seconds."""

    name: str
    base_seconds: float
    """t0: launching kernels, sampling, and reducing over the GPUs."""
    weights_seconds: float
    """w."""
    seconds_per_token: float
    """g."""
    seconds_per_kv_token: float
    """d."""
    seconds_per_attended_token: float
    """q."""
    tokens_per_step: int
    """`max_num_batched_tokens`."""
    sequences: int
    """`max_num_seqs`."""
    kv_tokens: int
    gpus: int = 1

    @property
    def kv_blocks(self) -> int:
        """Return how many whole blocks the KV cache has."""
        return self.kv_tokens // BLOCK_TOKENS

    def step_seconds(self, *, tokens: int, kv_tokens: int, attended: float = 0.0) -> float:
        """Return how long a step of *tokens* takes; *attended* is the sum over its chunks of prompts."""
        return (
            self.base_seconds
            + math.hypot(self.weights_seconds, self.seconds_per_token * tokens)
            + self.seconds_per_kv_token * kv_tokens
            + self.seconds_per_attended_token * attended
        )


LLAMA_8B_A100 = EngineProfile(
    name="8B on A100",
    base_seconds=0.0015,
    weights_seconds=0.0105,
    seconds_per_token=70e-6,
    seconds_per_kv_token=0.06e-6,
    seconds_per_attended_token=3.0e-9,
    tokens_per_step=2048,
    sequences=256,
    kv_tokens=435_000,
)
"""12 ms between tokens at least, and vLLM's batching for smaller accelerators."""

LLAMA_8B_H100 = EngineProfile(
    name="8B on H100",
    base_seconds=0.0012,
    weights_seconds=0.0053,
    seconds_per_token=30e-6,
    seconds_per_kv_token=0.048e-6,
    seconds_per_attended_token=1.0e-9,
    tokens_per_step=8192,
    sequences=1024,
    kv_tokens=435_000,
)
"""6.5 ms between tokens at least."""

LLAMA_70B_H100_TP4 = EngineProfile(
    name="70B on 4 x H100",
    base_seconds=0.0036,
    weights_seconds=0.0117,
    seconds_per_token=65e-6,
    seconds_per_kv_token=0.031e-6,
    seconds_per_attended_token=1.3e-9,
    tokens_per_step=8192,
    sequences=1024,
    kv_tokens=410_000,
    gpus=4,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The two figures of an accelerator's data sheet that set the pace."""

    bytes_per_second: float
    operations_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSize:
    """What of a model sets the pace."""

    weights_bytes: float
    """Bytes read in every step: all weights, of a mixture those of the experts that a batch passes."""
    parameters: float
    """Parameters that a token passes."""
    layers: int
    attention_width: int
    """Heads times their size."""
    kv_bytes_per_token: float


def estimated_profile(
    model: ModelSize,
    hardware: Hardware,
    *,
    name: str,
    tensor_parallel: int,
    tokens_per_step: int,
    sequences: int,
    kv_tokens: int,
) -> EngineProfile:
    """Return the profile that follows from bytes, operations and the data sheet, to about a third."""
    bytes_per_second = hardware.bytes_per_second * _BANDWIDTH_SHARE * tensor_parallel
    operations = hardware.operations_per_second * _COMPUTE_SHARE * tensor_parallel
    reducing = _ALL_REDUCE_SECONDS_PER_LAYER * model.layers if tensor_parallel > 1 else 0.0
    return EngineProfile(
        name=name,
        base_seconds=_LAUNCH_SECONDS + reducing,
        weights_seconds=model.weights_bytes / bytes_per_second,
        seconds_per_token=2 * model.parameters / operations,
        seconds_per_kv_token=model.kv_bytes_per_token / bytes_per_second,
        seconds_per_attended_token=4 * model.layers * model.attention_width / operations,
        tokens_per_step=tokens_per_step,
        sequences=sequences,
        kv_tokens=kv_tokens,
        gpus=tensor_parallel,
    )
