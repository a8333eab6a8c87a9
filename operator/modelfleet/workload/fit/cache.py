"""
How many tokens the KV cache holds.

    bytes per token and layer = 2 × max(1, KV heads / TP) × head width × bytes per element    (grouped heads)
                              = (latent width + rotary width) × bytes per element             (latent, whole on each)

A block is 16 tokens of every layer. Models that mix full attention with sliding windows keep groups of layers of one
kind, as many in each group as the rarer kind has layers; every group takes blocks of its own from one pool. A request
then needs ⌈length / 16⌉ blocks in each full group, and ⌈min(window − 1 + tokens in flight, length) / 16⌉ + 1 in each
sliding one. Checked against a vLLM 0.32 server: exact for grouped heads, latent attention and a mix of both kinds.
"""

from dataclasses import dataclass
from math import ceil

from modelfleet.api.catalogue.engine_version import NEWEST, EngineVersion
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.batching import Batching
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.precision import DTYPE_BYTES
from modelfleet.workload.fit.stages import Stage

BLOCK_TOKENS = 16
INDEX_SCALE_BYTES = 4
"""One 32-bit scale for the 8-bit index key of a token."""
SIMILAR = 1.25
"""Kinds whose numbers of layers differ less than this share groups of the larger number; read from vLLM 0.33."""
COUNTED_IN_REQUESTS = EngineVersion(0, 21, 0)
"""
From here on vLLM counts the tokens of mixed models in requests of the longest length; before, in blocks of every group.

Logs of 0.18 and 0.20 have whole blocks, logs of 0.22 requests × length.
"""
TWO_BATCHES_IN_FLIGHT = EngineVersion(0, 25, 0)
"""From about here on asynchronous scheduling counts two steps in flight; read from vLLM 0.32 and 0.33."""


@dataclass(frozen=True, slots=True)
class StageCache:
    """The KV cache of one pipeline stage on one accelerator."""

    block_bytes: float
    """block_bytes is what one block of one group takes."""
    full_groups: int
    sliding_groups: int
    window: int
    in_flight: int

    def blocks_for(self, length: int) -> int:
        """Return how many blocks one request of *length* tokens needs."""
        full = ceil(length / BLOCK_TOKENS) * self.full_groups
        if self.sliding_groups == 0:
            return full
        held = min(self.window - 1 + self.in_flight, length)
        return full + (ceil(held / BLOCK_TOKENS) + 1) * self.sliding_groups

    def bytes_for(self, length: int) -> float:
        """Return the bytes one request of *length* tokens needs."""
        return self.blocks_for(length) * self.block_bytes

    def blocks_in(self, pool_bytes: float) -> int:
        """Return how many blocks *pool_bytes* has room for."""
        return max(0, int(pool_bytes // self.block_bytes))


def stage_cache(
    fit: FitInput, architecture: Architecture, batching: Batching, *, stage: Stage, tensor_parallel_size: int
) -> StageCache:
    """Return the KV cache of *stage*; a draft's layers are with the last one."""
    drafted = draft_layers(fit) if stage.is_last else 0
    per_layer = BLOCK_TOKENS * bytes_per_token_and_layer(fit, architecture, tensor_parallel_size)
    sliding = architecture.sliding_window
    full = stage.layers
    if sliding is not None:
        full = round(sliding.full_attention_layers * stage.layers / architecture.layers)
    size, full_groups, sliding_groups = _groups(full + drafted, stage.layers - full)
    steps = 2 if fit.engine_version >= TWO_BATCHES_IN_FLIGHT else 1
    return StageCache(
        block_bytes=per_layer * size,
        full_groups=full_groups,
        sliding_groups=sliding_groups,
        window=sliding.tokens if sliding else 0,
        in_flight=batching.tokens * steps,
    )


def bytes_per_token_and_layer(fit: FitInput, architecture: Architecture, tensor_parallel_size: int) -> float:
    """Return the bytes one token takes in one layer on one accelerator."""
    element = 1 if fit.kv_cache_dtype.startswith("fp8") else DTYPE_BYTES[fit.dtype]
    latent = architecture.latent_attention
    if latent is None:
        return 2 * max(1, architecture.kv_heads // tensor_parallel_size) * architecture.head_dim * element
    index = latent.index_head_dim + INDEX_SCALE_BYTES if latent.index_head_dim else 0
    return (latent.kv_lora_rank + latent.qk_rope_head_dim) * element + index


def draft_layers(fit: FitInput) -> int:
    """Return how many layers of a draft keep KV beside the model's own."""
    match fit.speculative_method:
        case "Eagle" | "Eagle3" | "Mtp":
            return 1
        case "DraftModel" if fit.draft_architecture is not None:
            return fit.draft_architecture.layers
        case _:
            return 0


def _groups(full: int, sliding: int) -> tuple[int, int, int]:
    """Return the layers of a group, and how many groups of each kind there are."""
    if full == 0 or sliding == 0:
        return full + sliding, int(full > 0), int(sliding > 0)
    fewer, more = sorted((full, sliding))
    size = more if more < fewer * SIMILAR else fewer
    return size, ceil(full / size), ceil(sliding / size)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the KV cache of one data-parallel rank holds."""

    tokens: int
    """tokens are what the cache holds, as the engine's version counts them."""
    requests: float
    """requests are how many of the longest length fit at once."""


def capacity(
    caches: list[StageCache], pools: list[float], longest: int, *, version: EngineVersion = NEWEST
) -> Capacity:
    """Return what fits into *pools*, one for each stage, as *version* counts it: the stage with the least decides."""
    stages = list(zip(caches, pools, strict=True))
    requests = min(cache.blocks_in(pool) / cache.blocks_for(longest) for cache, pool in stages)
    if any(cache.sliding_groups for cache in caches) and version >= COUNTED_IN_REQUESTS:
        return Capacity(int(requests * longest), requests)
    blocks = min(cache.blocks_in(pool) // (cache.full_groups + cache.sliding_groups) for cache, pool in stages)
    return Capacity(blocks * BLOCK_TOKENS, requests)


def longest_request(caches: list[StageCache], pools: list[float], at_most: int) -> int:
    """Return the longest request, up to *at_most* tokens, that fits into *pools*; 0 when not even one token does."""
    low, high = 0, at_most
    while low < high:
        middle = (low + high + 1) // 2
        fits = all(cache.bytes_for(middle) <= pool for cache, pool in zip(caches, pools, strict=True))
        low, high = (middle, high) if fits else (low, middle - 1)
    return low
