"""Which tensor-parallel sizes vLLM refuses for a model, because something does not divide."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.weights import padded_vocabulary


def undivided(fit: FitInput, architecture: Architecture, tensor_parallel_size: int) -> str | None:
    """Return why vLLM cannot divide the model by *tensor_parallel_size*, or None."""
    return next(_refusals(fit, architecture, tensor_parallel_size), None)


def vocabulary_is_undivided(architecture: Architecture, tensor_parallel_size: int) -> bool:
    """Return whether the vocabulary, padded to 64, does not divide; vLLM asserts it since 0.6, read from its source."""
    return padded_vocabulary(architecture) % tensor_parallel_size != 0


def _refusals(fit: FitInput, architecture: Architecture, size: int) -> Iterator[str]:
    kv_heads = architecture.kv_heads
    if architecture.heads % size:
        yield f"the model has {architecture.heads} attention heads, which {size} does not divide"
    if architecture.latent_attention is None and _splits_key_value_heads(kv_heads, size):
        rule = f"which {size} does not divide" if size <= kv_heads else f"of which {size} is not a multiple"
        yield f"the model has {kv_heads} key-value heads, {rule}"
    for part in _divided(fit, architecture, size):
        if part.width % part.ranks:
            yield f"{part.what} is {part.width} wide, which {part.ranks} does not divide"
        elif _cuts_blocks(architecture, part.width // part.ranks):
            block = architecture.quantization_block_size
            yield (
                f"the weights are quantized in blocks of {block}, and {part.what} is {part.width} wide: "
                f"{part.width // part.ranks} on each of {part.ranks} accelerators is not a multiple of {block}"
            )


@dataclass(frozen=True, slots=True)
class _Divided:
    """A matrix that is divided over accelerators."""

    what: str
    width: int
    ranks: int


def _divided(fit: FitInput, architecture: Architecture, size: int) -> Iterator[_Divided]:
    """Yield the matrices that are divided; experts stay whole under expert parallelism."""
    yield _Divided("attention", architecture.heads * architecture.head_dim, size)
    if architecture.intermediate_size:
        yield _Divided("the feed-forward layer (`intermediateSize`)", architecture.intermediate_size, size)
    if architecture.experts and not fit.expert_parallel:
        width = architecture.experts.intermediate_size
        yield _Divided("an expert (`experts.intermediateSize`)", width, size * fit.data_parallel_size)


def _splits_key_value_heads(kv_heads: int, size: int) -> bool:
    return bool(kv_heads % size if size <= kv_heads else size % kv_heads)


def _cuts_blocks(architecture: Architecture, width: int) -> bool:
    block = architecture.quantization_block_size
    return block is not None and architecture.quantization is not None and width % block != 0
