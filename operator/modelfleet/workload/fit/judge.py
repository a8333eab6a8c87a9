"""
The verdict on one tensor-parallel size.

Only certain failures are refused: what vLLM asserts, and what does not fit even when every prediction errs in the
model's favour. Near misses, and what the check cannot see, are Unknown: the engine starts and decides.
"""

from collections.abc import Callable
from dataclasses import dataclass

from modelfleet.workload.fit import words
from modelfleet.workload.fit.divisibility import undivided, vocabulary_is_undivided
from modelfleet.workload.fit.draft import draft_is_unknown
from modelfleet.workload.fit.estimate import Estimate, estimate
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.precision import METHODS, contradicts, precision_of
from modelfleet.workload.fit.row import FitReason, FitRow, Verdict

MIB = 1024**2
COMFORTABLE = 1.1
"""Requests of the longest length that must fit for a verdict of True: 10 % more than one."""


@dataclass(frozen=True, slots=True)
class _Case:
    """What is judged."""

    fit: FitInput
    size: int
    found: Estimate | None
    """found is None when the model, or the size of its weights, is not known."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """A verdict with its reason, and a sentence that explains it."""

    fits: Verdict
    reason: FitReason
    message: str


_Rule = Callable[[_Case], _Finding | None]


def judge(fit: FitInput, tensor_parallel_size: int) -> FitRow:
    """Return the verdict on *tensor_parallel_size*, without advice about other sizes."""
    case = _Case(fit, tensor_parallel_size, _estimate(fit, tensor_parallel_size))
    finding = next(finding for rule in RULES if (finding := rule(case)) is not None)
    return _row(case, finding)


def _estimate(fit: FitInput, tensor_parallel_size: int) -> Estimate | None:
    if fit.architecture is None or fit.pipeline_parallel_size > fit.architecture.layers:
        return None
    precision = precision_of(fit.architecture.quantization, fit.quantization, fit.dtype)
    return estimate(fit, fit.architecture, precision, tensor_parallel_size) if precision else None


def _too_many_gpus(case: _Case) -> _Finding | None:
    fit = case.fit
    gpus = case.size * fit.pipeline_parallel_size * fit.data_parallel_size
    if gpus <= fit.accelerator.gpus_per_node:
        return None
    text = (
        f"A pod would need {gpus} accelerators (`tensorParallelSize` {case.size} × `pipelineParallelSize` "
        f"{fit.pipeline_parallel_size} × `dataParallelSize` {fit.data_parallel_size}), more GPUs than a node has: "
        f"{fit.accelerator.gpus_per_node} {fit.accelerator.name}."
    )
    return _Finding("False", FitReason.TOO_MANY_GPUS, text)


def _unknown_model(case: _Case) -> _Finding | None:
    if case.fit.architecture is not None:
        return None
    text = (
        f"{case.fit.model_name} is not in the model catalogue, so its fit cannot be checked: describe it in "
        "`model.architecture`, or set `engine.tensorParallelSize`."
    )
    return _Finding("Unknown", FitReason.UNKNOWN_MODEL, text)


def _impossible_options(case: _Case) -> _Finding | None:
    fit, architecture = case.fit, case.fit.architecture
    if architecture is None:
        return None
    if fit.expert_parallel and architecture.experts is None:
        text = f"`expertParallel` must be false: {fit.model_name} has no experts."
        return _Finding("False", FitReason.INVALID_OPTIONS, text)
    if fit.pipeline_parallel_size > architecture.layers:
        text = f"`pipelineParallelSize` must be at most {architecture.layers}, the layers of {fit.model_name}."
        return _Finding("False", FitReason.INVALID_OPTIONS, text)
    if contradicts(architecture.quantization, fit.quantization):
        text = (
            f'`quantization` must be absent, found "{fit.quantization}": the weights of {fit.model_name} are published '
            f'as "{architecture.quantization}", and vLLM does not change that.'
        )
        return _Finding("False", FitReason.INVALID_OPTIONS, text)
    return None


def _does_not_divide(case: _Case) -> _Finding | None:
    fit, architecture = case.fit, case.fit.architecture
    reason = undivided(fit, architecture, case.size) if architecture else None
    if reason is None:
        return None
    text = f"{fit.model_name} cannot be divided by `tensorParallelSize` {case.size}: {reason}."
    return _Finding("False", FitReason.DOES_NOT_DIVIDE, text)


def _unknown_quantization(case: _Case) -> _Finding | None:
    if case.found is not None or case.fit.architecture is None:
        return None
    method = case.fit.architecture.quantization or case.fit.quantization
    text = (
        f'The size of weights quantized with "{method}" is not known, so the fit of {case.fit.model_name} cannot be '
        f"checked: set `model.architecture.quantization` to what is inside, one of {', '.join(sorted(METHODS))}."
    )
    return _Finding("Unknown", FitReason.UNKNOWN_MODEL, text)


def _weights_too_large(case: _Case) -> _Finding | None:
    if case.found is None or not case.found.weights_are_too_large:
        return None
    text = f"{_where(case)} does not fit: {words.too_large(case.fit, case.found)}."
    return _Finding("False", FitReason.TOO_LARGE, text)


def _no_room_for_cache(case: _Case) -> _Finding | None:
    if case.found is None or case.found.leaves(1, at_best=True):
        return None
    sum_, shortage = words.arithmetic(case.fit, case.found), words.shortage(case.found)
    text = f"{_where(case)} does not fit: {sum_}, and {shortage}."
    return _Finding("False", FitReason.NO_ROOM_FOR_CACHE, text)


def _too_long(case: _Case) -> _Finding | None:
    """Return a doubt: rotary scaling or an environment variable may allow what the model's config does not."""
    fit, architecture = case.fit, case.fit.architecture
    if architecture is None or (fit.max_model_len or 0) <= architecture.max_position_embeddings:
        return None
    text = (
        f"`maxModelLen` {fit.max_model_len} is beyond the {architecture.max_position_embeddings} positions of "
        f"{fit.model_name}: vLLM refuses it, unless `extraArgs` scale the positions (`--hf-overrides`)."
    )
    return _Finding("Unknown", FitReason.INVALID_OPTIONS, text)


def _undivided_vocabulary(case: _Case) -> _Finding | None:
    architecture = case.fit.architecture
    if architecture is None or not vocabulary_is_undivided(architecture, case.size):
        return None
    text = (
        f"The vocabulary of {case.fit.model_name}, {architecture.vocab_size}, is not divided by `tensorParallelSize` "
        f"{case.size}: released versions of vLLM end with an AssertionError."
    )
    return _Finding("Unknown", FitReason.DOES_NOT_DIVIDE, text)


def _unknown_draft(case: _Case) -> _Finding | None:
    if not draft_is_unknown(case.fit):
        return None
    text = "The draft model of `speculative` is not in the model catalogue: its weights and its cache are not counted."
    return _Finding("Unknown", FitReason.UNKNOWN_MODEL, text)


def _tight(case: _Case) -> _Finding | None:
    if case.found is None or case.found.leaves(COMFORTABLE):
        return None
    sum_, shortage = words.arithmetic(case.fit, case.found), words.shortage(case.found)
    text = f"{_where(case)} may or may not fit: {sum_}, and {shortage}. The engine decides."
    return _Finding("Unknown", FitReason.TIGHT_FIT, text)


def _fits(case: _Case) -> _Finding | None:
    if case.found is None:
        return None
    text = f"{_where(case)} fits: {words.arithmetic(case.fit, case.found)}, {words.holding(case.found)}."
    return _Finding("True", FitReason.FITS, text)


RULES: tuple[_Rule, ...] = (
    _too_many_gpus,  # certain, whatever the model
    _unknown_model,  # nothing else can be said of it
    _impossible_options,  # vLLM refuses its own configuration
    _does_not_divide,  # vLLM asserts while it builds the model
    _unknown_quantization,  # its memory cannot be computed
    _weights_too_large,  # out of memory while loading
    _no_room_for_cache,  # "larger than the available KV cache memory"
    _too_long,  # doubts: each may be fine
    _undivided_vocabulary,
    _unknown_draft,
    _tight,
    _fits,
)
"""In order; the first that finds something decides. The last one always does."""


NEVER_RUNS = frozenset({FitReason.TOO_MANY_GPUS, FitReason.INVALID_OPTIONS, FitReason.DOES_NOT_DIVIDE})
"""Reasons for refusal that have nothing to do with memory: such a size has no KV cache to speak of."""


def _where(case: _Case) -> str:
    return words.where(case.fit, case.size)


def _row(case: _Case, finding: _Finding) -> FitRow:
    found = case.found
    never_runs = finding.fits == "False" and finding.reason in NEVER_RUNS
    held = found.capacity if found and not never_runs else None
    return FitRow(
        tensor_parallel_size=case.size,
        fits=finding.fits,
        reason=finding.reason,
        weights_mib_per_gpu=round(found.heaviest / MIB) if found else None,
        kv_cache_tokens=held.tokens * found.ranks if found and held else None,
        max_concurrent_requests=int(held.requests) * found.ranks if found and held else None,
        message=finding.message,
    )
