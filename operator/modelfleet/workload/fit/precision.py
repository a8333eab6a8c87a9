"""How many bytes a parameter takes, for each way of quantizing weights that the fit check knows."""

from collections.abc import Mapping
from dataclasses import dataclass

BYTES_16_BIT = 2
DTYPE_BYTES: Mapping[str, int] = {"auto": 2, "bfloat16": 2, "float16": 2, "float32": 4}


@dataclass(frozen=True, slots=True)
class Precision:
    """One way of storing the weights of linear layers."""

    bits: float
    """bits is the size of one parameter."""
    scale_bytes: float = 0.0
    """scale_bytes is the size of the scales and zero points that a group of parameters shares."""
    group: int = 128
    """group is how many parameters share them, when the model does not say."""
    only_experts: bool = False
    """only_experts is true when everything but the experts stays in 16 bits."""
    padded_to: int = 1
    """padded_to is what the kernels round the hidden size up to."""

    def bytes_per_parameter(self, group: int | None) -> float:
        """Return the bytes of one parameter with its share of the scales."""
        return self.bits / 8 + self.scale_bytes / (group or self.group)

    def padding(self, hidden_size: int) -> float:
        """Return by how much padding the hidden size makes the weights larger, 1 for not at all."""
        return -(-hidden_size // self.padded_to) * self.padded_to / hidden_size


FP8 = Precision(bits=8)
INT8 = Precision(bits=8, scale_bytes=2)
INT4 = Precision(bits=4, scale_bytes=2)
INT4_ZERO_POINTS = Precision(bits=4, scale_bytes=2.5)
NVFP4 = Precision(bits=4, scale_bytes=1, group=16)
MXFP4 = Precision(bits=4, scale_bytes=1, group=32, only_experts=True, padded_to=256)
"""Padding of the hidden size to 256: 2880 becomes 3072, which explains the 13.47 GiB measured for gpt-oss-20b."""
BITSANDBYTES = Precision(bits=4, scale_bytes=4, group=64)

METHODS: Mapping[str, Precision] = {
    "fp8": FP8,
    "fbgemm_fp8": FP8,
    "ptpc_fp8": FP8,
    "modelopt": FP8,
    "w8a8": FP8,
    "experts_int8": Precision(bits=8, only_experts=True),
    "w8a16": INT8,
    "w4a16": INT4,
    "gptq": INT4_ZERO_POINTS,
    "gptq_marlin": INT4_ZERO_POINTS,
    "awq": INT4_ZERO_POINTS,
    "awq_marlin": INT4_ZERO_POINTS,
    "nvfp4": NVFP4,
    "modelopt_fp4": NVFP4,
    "mxfp4": MXFP4,
    "bitsandbytes": BITSANDBYTES,
}
"""By the name vLLM gives the method, and the scheme's name where vLLM's (`compressed-tensors`) says nothing of size."""

_FP8_CHECKPOINT = frozenset({"fp8", "fbgemm_fp8", "ptpc_fp8"})
_GPTQ_CHECKPOINT = frozenset({"gptq", "gptq_marlin"})
_AWQ_CHECKPOINT = frozenset({"awq", "awq_marlin"})
READ_AS: Mapping[str, frozenset[str]] = {
    "fp8": _FP8_CHECKPOINT,
    "fbgemm_fp8": _FP8_CHECKPOINT,
    "w8a8": _FP8_CHECKPOINT,
    "gptq": _GPTQ_CHECKPOINT,
    "awq": _AWQ_CHECKPOINT,
    "w8a16": _GPTQ_CHECKPOINT,
    "w4a16": _GPTQ_CHECKPOINT | _AWQ_CHECKPOINT,
    "bitsandbytes": frozenset({"bitsandbytes"}),
}
"""Published weights → the methods of `REFUSED_UNLESS_READ` that may be another name for what they are."""
REFUSED_UNLESS_READ = _FP8_CHECKPOINT | _GPTQ_CHECKPOINT | _AWQ_CHECKPOINT | {"bitsandbytes", "experts_int8"}
"""
Methods that never take over the weights of another: "Quantization method specified in the model config (…) does not
match …". Those of ModelOpt and MXFP4 choose by the model's config, whatever is asked for.
"""


def contradicts(published: str | None, asked: str | None) -> bool:
    """Return whether vLLM certainly refuses weights *published* in one way and *asked* for in another."""
    read_as = READ_AS.get(published or "")
    return read_as is not None and asked in REFUSED_UNLESS_READ and asked not in read_as


def precision_of(published: str | None, asked: str | None, dtype: str) -> Precision | None:
    """
    Return how the weights are stored: as *published*, else as *asked* while loading, else in *dtype*.

    None means a method whose size is not known. A published method wins, since vLLM refuses to change it.
    """
    method = published or asked
    return Precision(bits=8 * DTYPE_BYTES[dtype]) if method is None else METHODS.get(method)
