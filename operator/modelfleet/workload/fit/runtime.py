"""
Memory the engine needs besides weights and KV cache, on each accelerator.

While it profiles, vLLM runs one full step and then samples for the largest batch; the higher peak counts:

    sampling = requests × vocabulary × bytes per logit + tokens × hidden × 2 B
    forward  = tokens × (gate and up + activation) / TP × 2 B + 4 × tokens × hidden × 2 B
    experts  = tokens × experts per token × (max(I, hidden) + max(2 I, hidden)) × 2 B + tokens × hidden × 2 B,
               with I the width of one expert on one rank

Logits are gathered, so sampling is not divided by TP. From 0.17 on the buffers of the experts stay allocated (but not
those of the kernels for mxfp4).
CUDA graphs are reserved from 0.20 on; before that they came out of what `--gpu-memory-utilization` leaves free.
"""

from modelfleet.api.catalogue.engine_version import EngineVersion
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.batching import Batching
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.stages import Stage
from modelfleet.workload.fit.weights import padded_vocabulary

GIB = 1024**3
MIB = 1024**2
BYTES_16_BIT = 2

LEAN_SAMPLER = EngineVersion(0, 17, 0)
"""The first version whose sampler sorts without copies; measured on 0.15 to 0.19 with one model (5.64 → 2.23 GiB)."""
SORTING_BYTES_PER_LOGIT = 38.3
"""Logits in 16 and 32 bits, sorted values, 64-bit indices, probabilities, sums; six logs of 0.11 within 0.03 GiB."""
LEAN_BYTES_PER_LOGIT = 14.8
"""Logits in 16 and 32 bits, probabilities and noise; text models on H100 with 0.19 within 0.05 GiB."""

RESERVED_GRAPHS = EngineVersion(0, 20, 0)
GRAPH_BYTES_PER_LAYER = 0.26 * MIB
"""One layer of one captured CUDA graph; logs of 0.18 to 0.28 have 0.15 to 0.36 MiB, most of them 0.22 to 0.27."""

NON_TORCH_BYTES = (
    (EngineVersion(0, 20, 0), 0.40 * GIB, 1.75 * GIB),
    (EngineVersion(0, 18, 0), 0.25 * GIB, 2.10 * GIB),
    (EngineVersion(0, 12, 0), 0.13 * GIB, 2.00 * GIB),
    (EngineVersion(0, 0, 0), 0.13 * GIB, 0.55 * GIB),
)
"""
From which version on: what CUDA takes on one accelerator, and with NCCL and its all-reduce buffers on each of several.

0.11: 0.13 and 0.55 GiB on H100; 0.19: 0.25 and 2.07 to 2.13 GiB on H100; newer ones count what the allocator holds as
well: 0.33 to 0.47 GiB on one accelerator, 1.70 to 1.74 GiB on each of four and eight.
"""


def activation_bytes(
    fit: FitInput, architecture: Architecture, batching: Batching, *, stage: Stage, tensor_parallel_size: int
) -> float:
    """Return the peak of activations while vLLM profiles a step."""
    hidden = batching.tokens * architecture.hidden_size * BYTES_16_BIT
    width = architecture.intermediate_size or (0 if architecture.experts else 4 * architecture.hidden_size)
    forward = 3 * batching.tokens * width * BYTES_16_BIT / tensor_parallel_size + 4 * hidden
    experts = expert_buffer_bytes(fit, architecture, batching, tensor_parallel_size)
    is_lean = fit.engine_version >= LEAN_SAMPLER
    per_logit = LEAN_BYTES_PER_LOGIT if is_lean else SORTING_BYTES_PER_LOGIT
    logits = batching.requests * padded_vocabulary(architecture) * per_logit
    sampling = logits + hidden if stage.is_last else 0.0
    stays = is_lean and architecture.quantization != "mxfp4"
    return max(sampling, forward) + experts if stays else max(sampling, forward + experts)


def expert_buffer_bytes(
    fit: FitInput, architecture: Architecture, batching: Batching, tensor_parallel_size: int
) -> float:
    """Return the buffers between the experts' matrices; data-parallel ranks gather each other's tokens."""
    experts = architecture.experts
    if experts is None:
        return 0.0
    ranks = tensor_parallel_size * fit.data_parallel_size
    width = experts.intermediate_size if fit.expert_parallel else experts.intermediate_size // ranks
    hidden = architecture.hidden_size
    tokens = batching.tokens * fit.data_parallel_size
    between = max(width, hidden) + max(2 * width, hidden)
    return tokens * (min(experts.per_token, experts.count) * between + hidden) * BYTES_16_BIT


def graph_bytes(fit: FitInput, batching: Batching, *, stage: Stage) -> float:
    """Return what is reserved for CUDA graphs: every captured batch size costs the same for each layer."""
    if fit.enforce_eager or fit.engine_version < RESERVED_GRAPHS:
        return 0.0
    with_and_without_adapters = 2 if fit.adapters else 1
    return batching.graphs * with_and_without_adapters * stage.layers * GRAPH_BYTES_PER_LAYER


def non_torch_bytes(fit: FitInput, architecture: Architecture, tensor_parallel_size: int) -> float:
    """Return what CUDA, NCCL and the all-reduce buffers take; data-parallel ranks of dense models do not talk."""
    is_alone = tensor_parallel_size * (fit.data_parallel_size if architecture.experts else 1) == 1
    for since, alone, together in NON_TORCH_BYTES:
        if fit.engine_version >= since:
            return alone if is_alone else together
    return NON_TORCH_BYTES[-1][1]


def adapter_bytes(fit: FitInput, architecture: Architecture, *, stage: Stage, tensor_parallel_size: int) -> float:
    """Return the buffers for LoRA adapters of attention and dense layers: inputs whole, outputs divided."""
    hidden, heads = architecture.hidden_size, architecture.heads * architecture.head_dim
    width = architecture.intermediate_size or 0
    inputs = 3 * hidden + heads + 2 * hidden + width
    outputs = heads + 2 * architecture.kv_heads * architecture.head_dim + hidden + 2 * width + hidden
    per_layer = fit.adapter_rank * (inputs + outputs / tensor_parallel_size) * BYTES_16_BIT
    return fit.adapters * stage.layers * per_layer
