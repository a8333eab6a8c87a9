"""What the fit check must know of a model that is not in the catalogue."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Bool, Int

Count = Annotated[Int, Field(ge=1, le=1_000_000_000)]


class LatentAttention(ApiModel):
    """Multi-head latent attention (MLA): the cache holds one compressed vector per token, not keys and values per head."""

    kv_lora_rank: Count
    """kvLoraRank is the width of the compressed vector (`kv_lora_rank` of the model's config.json)."""
    qk_rope_head_dim: Count
    """qkRopeHeadDim is the width of the rotary part kept beside it (`qk_rope_head_dim`)."""
    query_lora_rank: Count | None = None
    """queryLoraRank is the width queries are compressed to (`q_lora_rank`); absent where they are not."""
    index_head_dim: Count | None = None
    """indexHeadDim is the width of the indexer's keys (`index_head_dim`), for sparse attention such as DeepSeek V3.2's."""


class SlidingWindow(ApiModel):
    """Layers that attend only to the last tokens, mixed with layers that attend to all of them."""

    tokens: Count
    """tokens is the length of the window (`sliding_window` of config.json)."""
    full_attention_layers: Annotated[Int, Field(ge=0, le=1024)]
    """fullAttentionLayers is how many of the layers attend to every token."""


class Experts(ApiModel):
    """A mixture of experts."""

    count: Count
    """count is the number of routed experts per layer (`num_local_experts` or `n_routed_experts`)."""
    intermediate_size: Count
    """intermediateSize is the width of one expert (`moe_intermediate_size`)."""
    per_token: Annotated[Int, Field(ge=1, le=1024)] = 8
    """perToken is how many experts each token goes through (`num_experts_per_tok`). Defaults to 8."""
    dense_layers: Annotated[Int, Field(ge=0, le=1024)] = 0
    """denseLayers is how many of the first layers have no experts (`first_k_dense_replace`). Defaults to 0."""


class Architecture(ApiModel):
    """The numbers of a model's config.json that decide whether it fits on an accelerator."""

    validations = (
        Rule(
            cel="self.heads % self.kvHeads == 0",
            holds=lambda a: a.heads % a.kv_heads == 0,
            message="`kvHeads` must divide `heads`; both are in the model's config.json",
            found=fields("heads", "kvHeads"),
        ),
    )

    parameters_millions: Annotated[Int, Field(ge=1, le=100_000_000)]
    """parametersMillions is the number of parameters, in millions; of a mixture of experts, all of them."""
    layers: Annotated[Int, Field(ge=1, le=1024)]
    """layers is the number of hidden layers (`num_hidden_layers`)."""
    hidden_size: Annotated[Int, Field(ge=1, le=1_048_576)]
    """hiddenSize is the width of the model (`hidden_size`)."""
    heads: Annotated[Int, Field(ge=1, le=65_536)]
    """heads is the number of attention heads (`num_attention_heads`); tensorParallelSize must divide it."""
    kv_heads: Annotated[Int, Field(ge=1, le=65_536)]
    """kvHeads is the number of key-value heads (`num_key_value_heads`)."""
    head_dim: Annotated[Int, Field(ge=1, le=65_536)]
    """headDim is the width of one head (`head_dim`, or hidden size over heads)."""
    vocab_size: Annotated[Int, Field(ge=1, le=100_000_000)]
    """vocabSize is the number of tokens (`vocab_size`)."""
    intermediate_size: Annotated[Int, Field(ge=1, le=10_000_000)] | None = None
    """intermediateSize is the width of the dense feed-forward layers (`intermediate_size`); block-quantized weights must divide into it."""
    max_position_embeddings: Annotated[Int, Field(ge=1, le=1_000_000_000)]
    """maxPositionEmbeddings is the longest context the model knows, in tokens (`max_position_embeddings`)."""
    tied_embeddings: Bool = False
    """tiedEmbeddings is true when the output head is the embedding table (`tie_word_embeddings`). Defaults to false."""
    latent_attention: LatentAttention | None = None
    """latentAttention is set for models with multi-head latent attention, such as DeepSeek's."""
    sliding_window: SlidingWindow | None = None
    """slidingWindow is set for models that mix local and global attention, such as Gemma's."""
    experts: Experts | None = None
    """experts is set for mixtures of experts."""
    quantization: Annotated[str, Field(max_length=64)] | None = None
    """quantization is how the published weights are quantized, as vLLM names it (`fp8`, `awq`, `mxfp4`); absent for 16-bit weights."""
    quantization_block_size: Annotated[Int, Field(ge=1, le=65_536)] | None = None
    """quantizationBlockSize is the side of the blocks, or the length of the groups, that share a scale (`weight_block_size`, `group_size`)."""
    unquantized_parameters_millions: Annotated[Int, Field(ge=0, le=100_000_000)] | None = None
    """unquantizedParametersMillions are the parameters that stay in 16 bits besides the embeddings, in millions: a vision tower, or attention layers."""
