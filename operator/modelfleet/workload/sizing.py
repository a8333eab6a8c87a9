"""Over how many accelerators each layer of a fleet's model is split, and whether it fits there."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelfleet.api.catalogue import Accelerator, Catalogue, EngineVersion
from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.model_deployment.model import scheme_of
from modelfleet.workload.arguments import adapters_at_once, reserved_rank
from modelfleet.workload.fit import (
    FitInput,
    FitReason,
    FitRow,
    choose,
    fit_row,
    fit_table,
    published_weights_bytes,
    startup_budget_seconds,
)

UNKNOWN_WEIGHTS_BYTES = 160 * 1024**3
"""Taken for the start-up budget of a model whose size is not known: a 70B model in 16 bits, with room."""


@dataclass(frozen=True, slots=True)
class Sized:
    """The tensor-parallel size in use, and what the fit check says of it."""

    tensor_parallel_size: int
    row: FitRow
    finding: Finding
    startup_seconds: int

    @property
    def is_refused(self) -> bool:
        """Return whether the engine certainly cannot start at this size."""
        return self.finding.status == "False"


def size(
    fleet: ModelDeployment,
    accelerator: Accelerator,
    version: EngineVersion,
    catalogue: Catalogue,
    *,
    kept: int | None = None,
) -> Sized:
    """
    Return the size: the spec's, else the one *kept* unless it certainly cannot start, else the smallest that fits.

    When none fits, it is the one that comes closest, whose finding says why, and what would fit.
    """
    fit = fit_input(fleet, accelerator, version, catalogue)
    asked = fleet.spec.engine.tensor_parallel_size
    row = _row_in_use(fit, kept) if asked is None else fit_row(fit, asked)
    finding = Finding(ConditionType.FITS, row.fits, Reason(row.reason.value), row.message)
    return Sized(row.tensor_parallel_size, row, finding, _startup_seconds(fleet, fit, row))


def _row_in_use(fit: FitInput, kept: int | None) -> FitRow:
    before = None if kept is None else fit_row(fit, kept)
    if before is not None and before.fits != "False":
        return before
    table = fit_table(fit)
    return choose(table) or before or _closest(table)


def _closest(table: Sequence[FitRow]) -> FitRow:
    """Return the largest of refused sizes that divides the model and that a node has accelerators for, or the first."""
    possible = [row for row in table if row.reason not in (FitReason.TOO_MANY_GPUS, FitReason.DOES_NOT_DIVIDE)]
    return possible[-1] if possible else table[0]


def architecture_of(fleet: ModelDeployment, catalogue: Catalogue) -> Architecture | None:
    """Return the model's architecture: the spec's own, else the catalogue's, else None."""
    return fleet.spec.model.architecture or catalogue.models.find(fleet.spec.model.source)


def fit_input(
    fleet: ModelDeployment, accelerator: Accelerator, version: EngineVersion, catalogue: Catalogue
) -> FitInput:
    """Return what the fit check looks at."""
    engine, model = fleet.spec.engine, fleet.spec.model
    speculative = engine.speculative
    draft = speculative.model if speculative else None
    return FitInput(
        architecture=architecture_of(fleet, catalogue),
        accelerator=accelerator,
        engine_version=version,
        model_name=model.source,
        gpu_memory_percent=engine.gpu_memory_percent,
        pipeline_parallel_size=engine.pipeline_parallel_size,
        data_parallel_size=engine.data_parallel_size,
        expert_parallel=engine.expert_parallel,
        quantization=engine.quantization,
        dtype=engine.dtype,
        kv_cache_dtype=engine.kv_cache_dtype,
        max_model_len=engine.max_model_len,
        max_num_seqs=engine.max_num_seqs,
        max_num_batched_tokens=engine.max_num_batched_tokens,
        chunked_prefill=engine.chunked_prefill,
        enforce_eager=engine.enforce_eager,
        speculative_method=speculative.method if speculative else None,
        speculative_tokens=speculative.tokens if speculative else 0,
        draft_architecture=catalogue.models.find(draft) if draft else None,
        adapters=adapters_at_once(model.adapters),
        adapter_rank=reserved_rank(model.adapters),
        alternatives=tuple(catalogue.accelerators),
    )


def _startup_seconds(fleet: ModelDeployment, fit: FitInput, row: FitRow) -> int:
    engine = fleet.spec.engine
    gpus = row.tensor_parallel_size * engine.pipeline_parallel_size
    return startup_budget_seconds(
        published_weights_bytes(fit) or UNKNOWN_WEIGHTS_BYTES,
        gpus=gpus,
        downloads=scheme_of(fleet.spec.model.source) not in ("oci", "pvc"),
        compiles=not engine.enforce_eager,
    )
