"""One row of the fit table: the verdict on one tensor-parallel size."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Verdict = Literal["True", "False", "Unknown"]


class FitReason(StrEnum):
    """Why a row has its verdict; the reason of the `Fits` condition."""

    FITS = "Fits"
    """The weights and one request of maxModelLen fit, with room to spare."""
    TIGHT_FIT = "TightFit"
    """It may fit or not: the prediction is closer to the limit than it is accurate."""
    UNKNOWN_MODEL = "UnknownModel"
    """The model is not in the catalogue and the spec does not describe it."""
    DOES_NOT_DIVIDE = "DoesNotDivide"
    """The tensor-parallel size does not divide the model's heads, layers or quantization blocks as vLLM requires."""
    TOO_MANY_GPUS = "TooManyGpus"
    """The pod would need more accelerators than a node has."""
    INVALID_OPTIONS = "InvalidOptions"
    """vLLM refuses the combination of options, whatever the size."""
    TOO_LARGE = "TooLarge"
    """The weights alone are larger than the memory the engine may use."""
    NO_ROOM_FOR_CACHE = "NoRoomForCache"
    """The weights fit, but a request of maxModelLen does not fit into what is left."""


@dataclass(frozen=True, slots=True)
class FitRow:
    """What happens at one tensor-parallel size."""

    tensor_parallel_size: int
    fits: Verdict
    reason: FitReason
    weights_mib_per_gpu: int | None
    """weights_mib_per_gpu is the weights on the fullest accelerator, or None when unknown."""
    kv_cache_tokens: int | None
    """kv_cache_tokens is how many tokens the KV cache of one pod holds, all data-parallel ranks together."""
    max_concurrent_requests: int | None
    """max_concurrent_requests is how many requests of maxModelLen fit into the KV cache at once."""
    message: str

    def as_json(self) -> dict[str, Any]:
        """Return the row as `modelfleet fit -o json` prints it: `fits` is true, false or null."""
        return {
            "tensorParallelSize": self.tensor_parallel_size,
            "fits": {"True": True, "False": False, "Unknown": None}[self.fits],
            "weightsMiBPerGpu": self.weights_mib_per_gpu,
            "kvCacheTokens": self.kv_cache_tokens,
            "maxConcurrentRequests": self.max_concurrent_requests,
            "message": self.message,
        }
