"""
The table of predicted and measured KV caches in docs/fit.md.

Run as a program from the root of the repository, it writes the table anew:

    .venv/bin/python -m tests.workload.fit.accuracy
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.workload.fit.cases import accelerator, fit_input

from modelfleet.workload.fit import FitInput
from modelfleet.workload.fit.estimate import Estimate, estimate
from modelfleet.workload.fit.precision import precision_of

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "fit.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
GIB = 1024**3
COLUMNS = (
    "model, accelerator, vLLM, options",
    "weights GiB",
    "measured",
    "KV pool GiB",
    "measured",
    "tokens",
    "measured",
    "off by",
)
OPTIONS = {
    "gpuMemoryPercent": "gpu_memory_percent",
    "maxModelLen": "max_model_len",
    "maxNumSeqs": "max_num_seqs",
    "maxNumBatchedTokens": "max_num_batched_tokens",
    "kvCacheDtype": "kv_cache_dtype",
    "quantization": "quantization",
    "dtype": "dtype",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One logged KV cache, and what is predicted for it."""

    row: Mapping[str, Any]
    weights_gib: float
    pool_gib: float
    tokens: int

    @property
    def name(self) -> str:
        """Return the row in words."""
        row = self.row
        options = [
            f"{key} {row[key]}" for key in ("tensorParallelSize", *OPTIONS) if key in row and key != "maxModelLen"
        ]
        return ", ".join((row["model"].partition("/")[2], row["accelerator"], row["engine"], *options))

    @property
    def is_held(self) -> bool:
        """Return whether everything about the row is known, so that it must be met."""
        return bool(self.row.get("held", True))

    @property
    def is_listed(self) -> bool:
        """Return whether the row is one of those that were set before the model was made."""
        return bool(self.row.get("listed", False))

    @property
    def error(self) -> float:
        """Return how far the predicted capacity is off, as a share of the measured one."""
        if "tokens" in self.row:
            return self.tokens / float(self.row["tokens"]) - 1
        return self.pool_gib / float(self.row["pool"]) - 1


def measured() -> list[Measured]:
    """Return every row of measured.yaml with its prediction."""
    return [_predicted(row) for row in _file()["rows"]]


def table() -> str:
    """Return the table of docs/fit.md, between its markers."""
    lines = [
        BEGIN,
        f"| {' | '.join(COLUMNS)} |",
        f"|---{'|--:' * (len(COLUMNS) - 1)}|",
        *(_line(one) for one in measured()),
        "",
        *(f"- ¹ {one.name}: {one.row['note']}." for one in measured() if "note" in one.row),
        END,
    ]
    return "\n".join(lines)


def _file() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "measured.yaml").read_text(encoding="utf-8"))
    return read


def _predicted(row: Mapping[str, Any]) -> Measured:
    changes = {"memory_mib": round(row["memoryGiB"] * 1024)} if "memoryGiB" in row else {}
    options = {name: row[key] for key, name in OPTIONS.items() if key in row}
    fit = fit_input(row["model"], on=accelerator(row["accelerator"], **changes), engine=row["engine"], **options)
    found = _estimated(fit, int(row.get("tensorParallelSize", 1)))
    return Measured(row, found.heaviest / GIB, found.tightest.pool / GIB, found.capacity.tokens)


def _estimated(fit: FitInput, tensor_parallel_size: int) -> Estimate:
    if fit.architecture is None:
        raise LookupError(fit.model_name)
    precision = precision_of(fit.architecture.quantization, fit.quantization, fit.dtype)
    if precision is None:
        raise LookupError(fit.model_name)
    return estimate(fit, fit.architecture, precision, tensor_parallel_size)


def _line(one: Measured) -> str:
    row = one.row
    tokens = f"{row['tokens']:,}" if "tokens" in row else ""
    weights = f"{row['weights']:.2f}" if "weights" in row else ""
    mark = " ¹" if "note" in row else ""
    cells = (
        one.name + mark,
        f"{one.weights_gib:.2f}",
        weights,
        f"{one.pool_gib:.2f}",
        f"{row['pool']:.2f}",
        f"{one.tokens:,}",
        tokens,
        f"{one.error:+.1%}".replace("%", " %"),
    )
    return "| " + " | ".join(cells) + " |"


def written(page: str) -> str:
    """Return *page* with the table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + table() + after


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
