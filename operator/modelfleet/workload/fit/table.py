"""The fit table: one row for each tensor-parallel size, and the size to choose."""

from collections.abc import Sequence
from dataclasses import replace

from modelfleet.workload.fit import words
from modelfleet.workload.fit.divisibility import undivided
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.judge import judge
from modelfleet.workload.fit.row import FitReason, FitRow

MOST_ALTERNATIVES = 3


def fit_table(fit: FitInput) -> tuple[FitRow, ...]:
    """
    Return one row for each tensor-parallel size worth asking about, in ascending order.

    These are the powers of two up to the accelerators of a node, and every other size that divides the model.
    """
    rows = tuple(judge(fit, size) for size in _sizes(fit))
    return tuple(_with_remedy(fit, row, rows) for row in rows)


def fit_row(fit: FitInput, tensor_parallel_size: int) -> FitRow:
    """Return the row of one *tensor_parallel_size*, whether or not the table has it."""
    row = judge(fit, tensor_parallel_size)
    return _with_remedy(fit, row, tuple(judge(fit, size) for size in _sizes(fit)))


def choose(table: Sequence[FitRow]) -> FitRow | None:
    """Return the row of the smallest size that fits, or the smallest that may, or None when every size is refused."""
    for verdict in ("True", "Unknown"):
        for row in sorted(table, key=lambda row: row.tensor_parallel_size):
            if row.fits == verdict:
                return row
    return None


def _sizes(fit: FitInput) -> list[int]:
    most, architecture = fit.accelerator.gpus_per_node, fit.architecture
    sizes = range(1, most + 1)
    return [
        size
        for size in sizes
        if size.bit_count() == 1 or (architecture is not None and undivided(fit, architecture, size) is None)
    ]


def _with_remedy(fit: FitInput, row: FitRow, rows: Sequence[FitRow]) -> FitRow:
    """Return *row* with what to do about it, when another size or accelerator may do better."""
    if row.fits != "False" or row.reason is FitReason.INVALID_OPTIONS:
        return row
    fitting = [other.tensor_parallel_size for other in rows if other.fits == "True"]
    maybe = [other.tensor_parallel_size for other in rows if other.fits == "Unknown"]
    advice = words.remedy(fitting, maybe) or words.alternatives(fit, _alternatives(fit))
    return replace(row, message=row.message + advice)


def _alternatives(fit: FitInput) -> list[tuple[str, int]]:
    """Return the accelerators of the same make with the least memory that fit, with the size needed there."""
    found = []
    for accelerator in sorted(fit.alternatives, key=lambda a: (a.memory_mib, a.name)):
        other = replace(fit, accelerator=accelerator)
        size = next((size for size in _sizes(other) if judge(other, size).fits == "True"), None)
        if size is not None and accelerator.resource_name == fit.accelerator.resource_name:
            found.append((accelerator.name, size))
    return found[:MOST_ALTERNATIVES]
