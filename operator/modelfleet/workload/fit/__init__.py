"""Whether a model fits on an accelerator, for each tensor-parallel size, and how much it can serve."""

from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.row import FitReason, FitRow, Verdict
from modelfleet.workload.fit.startup import startup_budget_seconds
from modelfleet.workload.fit.table import choose, fit_row, fit_table
from modelfleet.workload.fit.weights import published_weights_bytes

__all__ = [
    "FitInput",
    "FitReason",
    "FitRow",
    "Verdict",
    "choose",
    "fit_row",
    "fit_table",
    "published_weights_bytes",
    "startup_budget_seconds",
]
