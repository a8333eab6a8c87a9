"""
How long one step of the engine takes.

`T = t0 + sqrt(w² + (g·n)²) + d·K + q·Σ chunk·(context + chunk/2)`, in seconds, where n is the number of tokens in the
step, K the number of tokens in the KV cache of its sequences and the sum runs over chunks of prompts. The form fits
published operator profiles (8B on A100, 7B and 70B on H100) to 2.8 %; the coefficients below follow from a model's
bytes and operations and an accelerator's bandwidth and speed, and come out at 6.5 ms a token for an 8B on an H100,
12 ms on an A100, and d = 0.048 µs (8B, H100) and 0.031 µs (70B, four H100).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from e2e.engine.models import Model

_LAUNCH_SECONDS = 0.0012
_ALL_REDUCE_SECONDS_PER_LAYER = 15e-6
_BANDWIDTH_SHARE_WEIGHTS = 0.9
_BANDWIDTH_SHARE_KV = 0.8
_COMPUTE_SHARE = 0.55


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The two numbers of a GPU that set the pace."""

    bytes_per_second: float
    operations_per_second: float


_BY_MEMORY_GIB = (
    (160.0, Accelerator(8.0e12, 2250e12)),
    (100.0, Accelerator(4.8e12, 989e12)),
    (60.0, Accelerator(3.35e12, 989e12)),
    (42.0, Accelerator(0.864e12, 362e12)),
    (30.0, Accelerator(1.555e12, 312e12)),
    (0.0, Accelerator(1.0e12, 165e12)),
)
"""B200, H200, H100, L40S, A100-40, 4090: the class is read off the memory, the only fact a container is told."""


@dataclass(frozen=True, slots=True)
class StepTime:
    """The coefficients of the formula, for one model on one set of GPUs."""

    base_seconds: float
    weights_seconds: float
    seconds_per_token: float
    seconds_per_kv_token: float
    seconds_per_attended_token: float

    def seconds(self, *, tokens: int, kv_tokens: int, chunks: Iterable[tuple[int, int]]) -> float:
        """Return the duration of a step of *tokens*; *chunks* are (length, context before it) of its prompt parts."""
        attended = sum(length * (context + length / 2) for length, context in chunks)
        return (
            self.base_seconds
            + math.hypot(self.weights_seconds, self.seconds_per_token * tokens)
            + self.seconds_per_kv_token * kv_tokens
            + self.seconds_per_attended_token * attended
        )


def accelerator(memory_gib: float) -> Accelerator:
    """Return the class of GPU with *memory_gib* of visible memory."""
    return next(found for least, found in _BY_MEMORY_GIB if memory_gib >= least)


def step_time(
    model: Model,
    *,
    gpu: Accelerator,
    weight_bytes: float,
    kv_bytes_per_token: float,
    tensor_parallel: int,
    scale: float = 1.0,
) -> StepTime:
    """
    Return the coefficients for *model*; *weight_bytes* is all of it, *kv_bytes_per_token* is per GPU.

    *scale* stretches every step by the same factor, which keeps the shape and makes a replica cheaper to saturate.
    """
    active = model.active_billion / model.parameters_billion
    operations = gpu.operations_per_second * _COMPUTE_SHARE * tensor_parallel
    reduces = _ALL_REDUCE_SECONDS_PER_LAYER * 2 * model.layers if tensor_parallel > 1 else 0.0
    weights = weight_bytes * active / tensor_parallel / (gpu.bytes_per_second * _BANDWIDTH_SHARE_WEIGHTS)
    return StepTime(
        base_seconds=scale * (_LAUNCH_SECONDS + reduces),
        weights_seconds=scale * weights,
        seconds_per_token=scale * 2e9 * model.active_billion / operations,
        seconds_per_kv_token=scale * kv_bytes_per_token / (gpu.bytes_per_second * _BANDWIDTH_SHARE_KV),
        seconds_per_attended_token=scale * 4 * model.layers * model.heads * min(model.head_dim, 128) / operations,
    )
