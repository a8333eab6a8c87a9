"""The weights of what guesses tokens ahead, on each accelerator of the last stage."""

from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.workload.fit.inputs import FitInput
from modelfleet.workload.fit.precision import BYTES_16_BIT, Precision, precision_of
from modelfleet.workload.fit.stages import Stage
from modelfleet.workload.fit.weights import parameters_of, weights_bytes

HEAD_INPUTS = 3
"""Hidden states that an Eagle 3 head joins; Eagle and MTP join two."""


def draft_is_unknown(fit: FitInput) -> bool:
    """Return whether a draft model is asked for whose architecture nobody knows."""
    return fit.speculative_method == "DraftModel" and fit.draft_architecture is None


def draft_bytes(
    fit: FitInput, architecture: Architecture, precision: Precision, *, stage: Stage, tensor_parallel_size: int
) -> float:
    """
    Return the bytes of the draft's weights.

    A draft model is divided like the model. A head (Eagle, Eagle3, MTP) is taken as one more layer of the model with
    the projection that joins hidden states; MTP layers are stored like the model, other heads in 16 bits.
    """
    if not stage.is_last or fit.speculative_method in {None, "Ngram"}:
        return 0.0
    draft = fit.draft_architecture
    if fit.speculative_method == "DraftModel":
        return _model_bytes(fit, draft, tensor_parallel_size) if draft else 0.0
    parts = parameters_of(architecture)
    dense = (parts.linear + parts.replicated) / architecture.layers
    experts = parts.experts / architecture.layers if fit.speculative_method == "Mtp" else 0.0
    projection = HEAD_INPUTS * architecture.hidden_size**2
    is_stored_alike = fit.speculative_method == "Mtp" and not precision.only_experts
    bytes_each = (
        precision.bytes_per_parameter(architecture.quantization_block_size) if is_stored_alike else BYTES_16_BIT
    )
    return (dense + experts + projection) * bytes_each / tensor_parallel_size


def _model_bytes(fit: FitInput, draft: Architecture, tensor_parallel_size: int) -> float:
    precision = precision_of(draft.quantization, None, fit.dtype)
    if precision is None:
        return 0.0
    whole = Stage(draft.layers, is_first=True, is_last=True)
    return weights_bytes(fit, draft, precision, stage=whole, tensor_parallel_size=tensor_parallel_size)
