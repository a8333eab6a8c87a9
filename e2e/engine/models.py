"""The models the stand-in knows by name, and the one it assumes for every other name."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_DATA = Path(__file__).resolve().parent / "data" / "models.json"

_BYTES_PER_PARAMETER = {
    "fp8": 1.0,
    "fbgemm_fp8": 1.0,
    "modelopt": 1.0,
    "w8a8": 1.0,
    "int8": 1.0,
    "awq": 0.55,
    "gptq": 0.55,
    "w4a16": 0.55,
    "int4": 0.55,
    "mxfp4": 0.55,
    "nvfp4": 0.55,
    "bnb-4bit": 0.55,
    "bitsandbytes": 0.55,
}
"""Weights in memory, scales included; whatever is not listed is 16 bits a parameter."""


@dataclass(frozen=True, slots=True)
class Model:
    """What of a model decides its memory, its pace and its limits."""

    match: str
    parameters_billion: float
    active_billion: float
    layers: int
    hidden_size: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    max_model_len: int
    moe: bool = False
    mla: bool = False
    pooling: bool = False
    quantization: str = ""

    def weight_bytes(self, *, name: str, quantization: str | None) -> float:
        """Return the bytes of all weights as loaded; *quantization* is the flag, else *name* may tell (`…-FP8`)."""
        return self.parameters_billion * 1e9 * self.bytes_per_parameter(name=name, quantization=quantization)

    def bytes_per_parameter(self, *, name: str, quantization: str | None) -> float:
        """Return the bytes one parameter takes."""
        for method, size in _BYTES_PER_PARAMETER.items():
            if method in (quantization or "").lower() or (quantization is None and method in name.lower()):
                return size
        return _BYTES_PER_PARAMETER.get(self.quantization, 2.0)

    def kv_bytes_per_token(self, *, tensor_parallel: int, pipeline_parallel: int, element_bytes: float) -> float:
        """Return the KV-cache bytes of one token on one GPU (MLA keeps one latent vector, whatever the parallelism)."""
        layers = -(-self.layers // pipeline_parallel)
        if self.mla:
            return layers * self.head_dim * element_bytes
        return layers * 2 * max(1, self.kv_heads // tensor_parallel) * self.head_dim * element_bytes


def find(name: str) -> Model:
    """Return the model whose pattern *name* (an id, a path or a URL) holds, the longest first; else a dense 8B."""
    lowered = name.lower()
    return next((model for model in _catalogue() if model.match in lowered), _catalogue_default())


@cache
def _catalogue() -> tuple[Model, ...]:
    models = (Model(**entry) for entry in json.loads(_DATA.read_text()))
    return tuple(sorted(models, key=lambda model: -len(model.match)))


def _catalogue_default() -> Model:
    return next(model for model in _catalogue() if model.match == "llama-3.1-8b")
