"""What is left for the KV cache on each accelerator, and how sure that is."""

from dataclasses import dataclass

from modelfleet.api.catalogue.engine_version import EngineVersion
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.batching import Batching
from modelfleet.workload.fit.cache import Capacity, StageCache, capacity, longest_request, stage_cache
from modelfleet.workload.fit.draft import draft_bytes
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.precision import Precision
from modelfleet.workload.fit.runtime import activation_bytes, adapter_bytes, graph_bytes, non_torch_bytes
from modelfleet.workload.fit.stages import Stage, stages
from modelfleet.workload.fit.weights import weights_bytes

MIB = 1024**2
WEIGHTS_ERROR = 0.02
"""Predicted weights are within this share of measured ones, in every log of docs/fit.md with known options."""
RUNTIME_ERROR = 0.15
"""The same of activations, graphs and CUDA together; beyond it the engine needs more, not less."""


@dataclass(frozen=True, slots=True)
class StageMemory:
    """The memory of one accelerator of one pipeline stage, in bytes."""

    budget: float
    weights: float
    activations: float
    graphs: float
    non_torch: float
    cache: StageCache

    @property
    def pool(self) -> float:
        """Return what is left for the KV cache; negative when there is not even room for the rest."""
        return self.budget - self.weights - self.activations - self.graphs - self.non_torch

    @property
    def error(self) -> float:
        """Return by how much `pool` may be too small."""
        return WEIGHTS_ERROR * self.weights + RUNTIME_ERROR * (self.activations + self.graphs + self.non_torch)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The memory of every stage, and what the KV cache holds."""

    stages: tuple[StageMemory, ...]
    longest: int
    """longest is the longest request the engine is to take, in tokens."""
    version: EngineVersion
    ranks: int
    """ranks are the data-parallel copies, each with a cache of its own."""

    @property
    def tightest(self) -> StageMemory:
        """Return the stage with the least room beyond one request of the longest length."""
        return min(self.stages, key=lambda stage: stage.pool - stage.cache.bytes_for(self.longest))

    @property
    def heaviest(self) -> float:
        """Return the bytes of the weights on the fullest accelerator."""
        return max(stage.weights for stage in self.stages)

    @property
    def capacity(self) -> Capacity:
        """Return what the KV cache of one rank holds."""
        caches, pools = [stage.cache for stage in self.stages], [stage.pool for stage in self.stages]
        return capacity(caches, pools, self.longest, version=self.version)

    @property
    def longest_that_fits(self) -> int:
        """Return the longest request for which there is room, in tokens."""
        pools = [stage.pool for stage in self.stages]
        return longest_request([stage.cache for stage in self.stages], pools, self.longest)

    @property
    def weights_are_too_large(self) -> bool:
        """Return whether some stage's weights alone are certainly larger than what the engine may use."""
        return any(stage.weights * (1 - WEIGHTS_ERROR) > stage.budget for stage in self.stages)

    def leaves(self, share: float, *, at_best: bool = False) -> bool:
        """Return whether *share* requests of the longest length fit into every stage, *at_best* or as predicted."""
        return all(
            stage.pool + (stage.error if at_best else 0.0) >= share * stage.cache.bytes_for(self.longest)
            for stage in self.stages
        )


def estimate(fit: FitInput, architecture: Architecture, precision: Precision, tensor_parallel_size: int) -> Estimate:
    """Return the memory of *architecture* with weights in *precision* at one *tensor_parallel_size*."""
    batching = Batching.of(fit, architecture)
    return Estimate(
        stages=tuple(
            _memory(fit, architecture, precision, batching=batching, stage=stage, size=tensor_parallel_size)
            for stage in stages(architecture.layers, fit.pipeline_parallel_size)
        ),
        longest=fit.max_model_len or architecture.max_position_embeddings,
        version=fit.engine_version,
        ranks=fit.data_parallel_size,
    )


def _memory(
    fit: FitInput, architecture: Architecture, precision: Precision, *, batching: Batching, stage: Stage, size: int
) -> StageMemory:
    weights = weights_bytes(fit, architecture, precision, stage=stage, tensor_parallel_size=size)
    weights += draft_bytes(fit, architecture, precision, stage=stage, tensor_parallel_size=size)
    weights += adapter_bytes(fit, architecture, stage=stage, tensor_parallel_size=size)
    return StageMemory(
        budget=fit.accelerator.memory_mib * MIB * fit.gpu_memory_percent / 100,
        weights=weights,
        activations=activation_bytes(fit, architecture, batching, stage=stage, tensor_parallel_size=size),
        graphs=graph_bytes(fit, batching, stage=stage),
        non_torch=non_torch_bytes(fit, architecture, size),
        cache=stage_cache(fit, architecture, batching, stage=stage, tensor_parallel_size=size),
    )
