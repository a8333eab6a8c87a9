"""`spec.engine`: which vLLM, and how it runs."""

from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.patterns import matches
from modelfleet.api.schema.rules import Checked, Rule, fields
from modelfleet.api.schema.types import Bool, FreeObject, Int, ListOf, Text, text
from modelfleet.api.v1alpha1.model_deployment.model import ADAPTER_SOURCE_RULE

DEFAULT_IMAGE = "vllm/vllm-openai:v0.33.0"
VERSIONED_TAG = r":v?[0-9]+\.[0-9]+\.[0-9]+[A-Za-z0-9._-]*(@sha256:[0-9a-f]{64})?$"
NEEDS_DRAFT = ("DraftModel", "Eagle", "Eagle3")

OWNED_VARIABLES = (
    "HF_HOME",
    "HF_TOKEN",
    "HOME",
    "POD_IP",
    "PROMETHEUS_MULTIPROC_DIR",
    "VLLM_CACHE_ROOT",
    "VLLM_ENGINE_READY_TIMEOUT_S",
    "VLLM_HOST_IP",
    "VLLM_NO_USAGE_STATS",
    "VLLM_PORT",
    "VLLM_RPC_BASE_PATH",
    "VLLM_SKIP_MODEL_NAME_VALIDATION",
)
"""Environment variables the operator sets itself, or that must not be set in a pod."""


class Speculative(ApiModel):
    """Speculative decoding: a cheap guess of the next tokens, checked by the model in one step."""

    validations = (
        Rule(
            cel=f"has(self.model) == (self.method in {list(NEEDS_DRAFT)})",
            holds=lambda s: (s.model is not None) == (s.method in NEEDS_DRAFT),
            message="`model` must be set for `method` DraftModel, Eagle and Eagle3, and must be absent for Ngram and Mtp",
            found=fields("method", "model"),
        ),
    )

    method: Literal["DraftModel", "Eagle", "Eagle3", "Mtp", "Ngram"]
    """method is how tokens are guessed: by a DraftModel, Eagle or Eagle3 head, the model's own Mtp layers, or an Ngram lookup in the prompt."""
    model: Annotated[str, text(at_most=512), Checked((ADAPTER_SOURCE_RULE,))] | None = None
    """model is where the draft model or head is: hf://, oci:// or pvc://."""
    tokens: Annotated[Int, Field(ge=1, le=32)] = 3
    """tokens is how many tokens are guessed per step. Defaults to 3."""


class EnvironmentVariable(ApiModel):
    """An environment variable of the engine's container."""

    validations = (
        Rule(
            cel="!(has(self.value) && has(self.valueFrom))",
            holds=lambda e: e.value is None or e.value_from is None,
            message="`value` and `valueFrom` must not be set together",
            found=fields("name"),
        ),
        Rule(
            cel=f"!(self.name in {list(OWNED_VARIABLES)})",
            holds=lambda e: e.name not in OWNED_VARIABLES,
            message=f"`name` must not be one of {', '.join(OWNED_VARIABLES)}: the operator sets them or keeps them unset",
            found=fields("name"),
        ),
    )

    name: Annotated[str, text(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")]
    """name is the variable's name."""
    value: Annotated[str, text(at_least=0, at_most=4096)] | None = None
    """value is the variable's value."""
    value_from: FreeObject | None = None
    """valueFrom takes the value from a Secret, ConfigMap or field, as in Kubernetes."""


class Engine(ApiModel):
    """Which vLLM runs, how it is split over accelerators, and with which options."""

    validations = (
        Rule(
            cel=f"has(self.version) || self.image.matches('{VERSIONED_TAG.replace(chr(92), chr(92) * 2)}')",
            holds=lambda e: e.version is not None or matches(VERSIONED_TAG, e.image),
            message="`version` must be set when the tag of `image` is not a vLLM version such as v0.33.0: it decides which flags exist",
            found=fields("image"),
        ),
        Rule(
            cel="!has(self.maxNumBatchedTokens) || !has(self.maxNumSeqs) || self.maxNumBatchedTokens >= self.maxNumSeqs",
            holds=lambda e: (
                not e.max_num_batched_tokens or not e.max_num_seqs or e.max_num_batched_tokens >= e.max_num_seqs
            ),
            message="`maxNumBatchedTokens` must be greater than or equal to `maxNumSeqs`",
            found=fields("maxNumBatchedTokens", "maxNumSeqs"),
        ),
        Rule(
            cel="!has(self.chunkedPrefill) || self.chunkedPrefill || !has(self.maxNumBatchedTokens) || !has(self.maxModelLen) "
            "|| self.maxNumBatchedTokens >= self.maxModelLen",
            holds=lambda e: (
                e.chunked_prefill is not False
                or not e.max_num_batched_tokens
                or not e.max_model_len
                or e.max_num_batched_tokens >= e.max_model_len
            ),
            message="`maxNumBatchedTokens` must be greater than or equal to `maxModelLen` when `chunkedPrefill` is false",
            found=fields("maxNumBatchedTokens", "maxModelLen"),
        ),
    )

    image: Annotated[str, text(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$", at_most=512)] = DEFAULT_IMAGE
    """image is the vLLM image. Its tag decides which flags and metric names exist."""
    version: Annotated[str, text(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", at_most=32)] | None = None
    """version is the vLLM version inside the image, needed only when the image's tag is not a version."""
    tensor_parallel_size: Annotated[Int, Field(ge=1, le=64)] | None = None
    """tensorParallelSize is over how many accelerators each layer is split. Absent means the smallest that fits, chosen once and kept."""
    pipeline_parallel_size: Annotated[Int, Field(ge=1, le=64)] = 1
    """pipelineParallelSize is over how many accelerators the layers are spread in sequence. Defaults to 1."""
    data_parallel_size: Annotated[Int, Field(ge=1, le=64)] = 1
    """dataParallelSize is how many copies of the model one pod runs. Defaults to 1."""
    expert_parallel: Bool = False
    """expertParallel spreads whole experts over the accelerators instead of splitting each. Only for mixtures of experts. Defaults to false."""
    fit_check: Literal["Enforce", "Warn"] = "Enforce"
    """fitCheck says what happens to a model that cannot fit: Enforce refuses it, Warn starts it and says so."""
    max_model_len: Annotated[Int, Field(ge=1, le=1_000_000_000)] | None = None
    """maxModelLen is the longest request, prompt and answer together, in tokens. Absent means the model's own limit."""
    gpu_memory_percent: Annotated[Int, Field(ge=1, le=99)] = 90
    """gpuMemoryPercent is the share of the accelerator's memory the engine takes. Defaults to 90."""
    max_num_seqs: Annotated[Int, Field(ge=1, le=65_536)] | None = None
    """maxNumSeqs is how many requests run at once. Absent means vLLM's own default for the accelerator."""
    max_num_batched_tokens: Annotated[Int, Field(ge=1, le=1_000_000_000)] | None = None
    """maxNumBatchedTokens is how many tokens one step processes. Absent means vLLM's own default for the accelerator."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """dtype is the type of the weights and activations, as vLLM names it. Defaults to `auto`."""
    quantization: Annotated[str, text(pattern=r"^[a-z0-9][a-z0-9_-]*$", at_most=64)] | None = None
    """quantization is the method as vLLM names it (`fp8`, `awq`, `gptq`, …). Absent means what the model's config.json says."""
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    """kvCacheDtype is the type of the KV cache, as vLLM names it; fp8 halves its size. Defaults to `auto`."""
    chunked_prefill: Bool | None = None
    """chunkedPrefill splits long prompts over several steps. Absent means vLLM's own default."""
    enforce_eager: Bool = False
    """enforceEager runs without CUDA graphs: slower, starts sooner, needs less memory. Defaults to false."""
    speculative: Speculative | None = None
    """speculative turns speculative decoding on."""
    tool_call_parser: Annotated[str, text(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", at_most=64)] | None = None
    """toolCallParser turns tool calling on and names vLLM's parser for the model's format, such as `hermes`."""
    reasoning_parser: Annotated[str, text(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", at_most=64)] | None = None
    """reasoningParser names vLLM's parser that separates reasoning from the answer, such as `deepseek_r1`."""
    chat_template: Annotated[str, text(at_most=65_536)] | None = None
    """chatTemplate is a path inside the container, or the template's text itself."""
    extra_args: Annotated[tuple[Text, ...], ListOf(128)] = ()
    """extraArgs are further arguments of `vllm serve`, checked against the flags of the image's version. They must not repeat what a field sets."""
    env: Annotated[tuple[EnvironmentVariable, ...], ListOf(128, keys=("name",))] = ()
    """env are further environment variables of the engine."""
