"""
The bytes of a model's weights on each accelerator.

Tensor parallelism divides everything but what every rank needs whole: the compressing projections of latent
attention, the routers of experts, and key-value heads when there are fewer of them than ranks. Experts are divided
by the data-parallel size as well: vLLM makes one group of all ranks for them, with or without expert parallelism.
Embeddings and the output head stay in 16 bits under every quantization.
"""

from dataclasses import dataclass, replace

from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.precision import BYTES_16_BIT, DTYPE_BYTES, Precision, precision_of
from modelfleet.workload.fit.stages import Stage

VOCABULARY_PADDING = 64
"""vLLM pads the vocabulary to a multiple of this before it divides it."""
MATRICES_PER_EXPERT = 3
"""Gate, up and down."""


def padded_vocabulary(architecture: Architecture) -> int:
    """Return the vocabulary as vLLM divides it."""
    return -(-architecture.vocab_size // VOCABULARY_PADDING) * VOCABULARY_PADDING


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a model, by how they are divided and stored; all layers together."""

    embedding: int
    """embedding is one table of the vocabulary: the embeddings, or the output head."""
    experts: int
    replicated: int
    """replicated are in linear layers that every tensor-parallel rank has whole."""
    sixteen_bit: int
    """sixteen_bit are divided, but not quantized."""
    linear: int
    """linear are the rest: divided and quantized."""


def parameters_of(architecture: Architecture) -> Parameters:
    """Return the parameters of *architecture*; what its numbers do not explain counts as linear layers."""
    embedding = padded_vocabulary(architecture) * architecture.hidden_size
    tables = embedding * (1 if architecture.tied_embeddings else 2)
    total = architecture.parameters_millions * 1_000_000
    experts = min(_expert_parameters(architecture), max(0, total - tables))
    sixteen_bit = (architecture.unquantized_parameters_millions or 0) * 1_000_000
    rest = max(0, total - tables - experts)
    sixteen_bit = min(sixteen_bit, rest)
    replicated = min(_latent_parameters(architecture), rest - sixteen_bit)
    return Parameters(embedding, experts, replicated, sixteen_bit, rest - sixteen_bit - replicated)


def weights_bytes(
    fit: FitInput, architecture: Architecture, precision: Precision, *, stage: Stage, tensor_parallel_size: int
) -> float:
    """Return the bytes of the weights of *stage* on one accelerator, with the tables of rotary embeddings."""
    parts = parameters_of(architecture)
    full = DTYPE_BYTES[fit.dtype]
    stored = precision.bytes_per_parameter(architecture.quantization_block_size)
    linear = full if precision.only_experts else stored
    expert_bytes = stored * precision.padding(architecture.hidden_size)
    layers = (
        (parts.linear * linear + parts.sixteen_bit * full) / tensor_parallel_size
        + parts.replicated * linear
        + _extra_key_value_parameters(architecture, parts.linear, tensor_parallel_size) * linear
        + _router_parameters(architecture, parts.linear) * BYTES_16_BIT * (1 - 1 / tensor_parallel_size)
        + parts.experts * expert_bytes / (tensor_parallel_size * fit.data_parallel_size)
    )
    ends = int(stage.is_first) + int(stage.is_last)
    tables = 1 if architecture.tied_embeddings and stage.is_first and stage.is_last else ends
    embedding = tables * parts.embedding * full / tensor_parallel_size
    return layers * stage.layers / architecture.layers + embedding + rotary_bytes(architecture)


def published_weights_bytes(fit: FitInput) -> int | None:
    """
    Return the size of the weights as they are published, all together, or None when it is not known.

    This is what is downloaded and read, also where the engine quantizes while it loads.
    """
    architecture = fit.architecture
    precision = precision_of(architecture.quantization, None, "auto") if architecture else None
    if architecture is None or precision is None:
        return None
    whole = Stage(architecture.layers, is_first=True, is_last=True)
    published = replace(fit, dtype="auto", quantization=None, data_parallel_size=1)
    loaded = weights_bytes(published, architecture, precision, stage=whole, tensor_parallel_size=1)
    return round(loaded - rotary_bytes(architecture))


def rotary_bytes(architecture: Architecture) -> int:
    """Return the bytes of the rotary tables: the 0.03 GiB by which Llama, once loaded, is larger than its files."""
    latent = architecture.latent_attention
    width = latent.qk_rope_head_dim if latent else architecture.head_dim
    return architecture.max_position_embeddings * width * BYTES_16_BIT


def _expert_parameters(architecture: Architecture) -> int:
    experts = architecture.experts
    if experts is None:
        return 0
    of_one = MATRICES_PER_EXPERT * architecture.hidden_size * experts.intermediate_size
    return max(0, architecture.layers - experts.dense_layers) * experts.count * of_one


def _latent_parameters(architecture: Architecture) -> int:
    """Return the parameters that compress queries, keys and values; every rank has them whole."""
    latent = architecture.latent_attention
    if latent is None:
        return 0
    width = latent.kv_lora_rank + latent.qk_rope_head_dim + (latent.query_lora_rank or 0)
    return architecture.layers * architecture.hidden_size * width


def _router_parameters(architecture: Architecture, linear: int) -> int:
    """Return the parameters of the routers, a small part of the *linear* ones."""
    experts = architecture.experts
    return min(architecture.layers * architecture.hidden_size * experts.count, linear // 4) if experts else 0


def _extra_key_value_parameters(architecture: Architecture, linear: int, tensor_parallel_size: int) -> float:
    """Return what each rank has of the *linear* parameters beyond its share: a key-value head is not divided."""
    heads = architecture.kv_heads
    if architecture.latent_attention or tensor_parallel_size <= heads:
        return 0.0
    all_heads = 2 * architecture.layers * architecture.hidden_size * architecture.head_dim * heads
    return min(all_heads, linear // 2) * (1 / heads - 1 / tensor_parallel_size)
