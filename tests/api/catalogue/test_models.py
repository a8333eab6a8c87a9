"""The model catalogue."""

import pytest

from modelfleet.api.catalogue import load_catalogue
from modelfleet.api.v1alpha1.architecture import Architecture

CATALOGUE = load_catalogue().models


def parameters_by_dimensions(a: Architecture) -> int:
    """Return the parameters that the dimensions of a decoder explain."""
    latent, experts = a.latent_attention, a.experts
    if latent is None:
        attention = 2 * a.hidden_size * a.head_dim * (a.heads + a.kv_heads)
    else:
        down = a.hidden_size * (latent.kv_lora_rank + latent.qk_rope_head_dim + (latent.query_lora_rank or 0))
        queries = (latent.query_lora_rank or a.hidden_size) * a.heads * (a.head_dim + latent.qk_rope_head_dim)
        attention = (
            down + queries + latent.kv_lora_rank * a.heads * 2 * a.head_dim + a.hidden_size * a.heads * a.head_dim
        )
    dense_layers = experts.dense_layers if experts else a.layers
    dense = 3 * a.hidden_size * (a.intermediate_size or 0) * dense_layers
    routed = 3 * a.hidden_size * experts.intermediate_size * experts.count * (a.layers - dense_layers) if experts else 0
    tables = a.vocab_size * a.hidden_size * (1 if a.tied_embeddings else 2)
    return a.layers * attention + dense + routed + tables


@pytest.mark.parametrize("model_id", CATALOGUE.entries)
def test_the_parameters_follow_from_the_dimensions(model_id: str) -> None:
    architecture = CATALOGUE.entries[model_id]
    is_published_in_16_bits = architecture.quantization is None
    vision = (architecture.unquantized_parameters_millions or 0) * 1_000_000 if is_published_in_16_bits else 0

    explained = parameters_by_dimensions(architecture) + vision

    # Shared experts are not among the dimensions: they are the 3 %.
    assert explained == pytest.approx(architecture.parameters_millions * 1_000_000, rel=0.03)


@pytest.mark.parametrize("model_id", CATALOGUE.entries)
def test_heads_and_windows_are_consistent(model_id: str) -> None:
    architecture = CATALOGUE.entries[model_id]
    window = architecture.sliding_window

    assert architecture.heads % architecture.kv_heads == 0
    assert window is None or 0 < window.full_attention_layers < architecture.layers
    assert architecture.experts is None or architecture.experts.per_token <= architecture.experts.count


@pytest.mark.parametrize(
    ("model_id", "millions", "quantization"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8030, None),
        ("META-LLAMA/meta-llama-3.1-8b-instruct", 8030, None),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", 8030, "fp8"),
        ("neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8", 70554, "fp8"),
        ("RedHatAI/Llama-3.3-70B-Instruct-quantized.w8a8", 70554, "w8a8"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", 8030, "w4a16"),
        ("Qwen/Qwen3-14B-AWQ", 14768, "awq"),
        ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", 7616, "gptq"),
        ("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", 8030, "bitsandbytes"),
        ("nvidia/Llama-3.3-70B-Instruct-NVFP4", 70554, "nvfp4"),
        ("deepseek-ai/DeepSeek-R1-0528", 671026, "fp8"),
        ("openai/gpt-oss-120b", 116829, "mxfp4"),
        ("unsloth/gpt-oss-20b", 20914, "mxfp4"),
    ],
)
def test_a_model_is_found_by_its_id_and_by_copies_of_it(model_id: str, millions: int, quantization: str | None) -> None:
    found = CATALOGUE.find(f"hf://{model_id}")

    assert found is not None
    assert (found.parameters_millions, found.quantization) == (millions, quantization)


def test_the_publishers_own_fp8_weights_are_in_blocks() -> None:
    qwen = CATALOGUE.find("hf://Qwen/Qwen3-235B-A22B-Instruct-2507-FP8")
    copy = CATALOGUE.find("hf://RedHatAI/Qwen3-32B-FP8")

    assert qwen is not None
    assert copy is not None
    assert (qwen.quantization_block_size, copy.quantization_block_size) == (128, None)


@pytest.mark.parametrize(
    "source",
    [
        "s3://weights/llms/Llama-3.1-8B-Instruct",
        "gs://weights/llama-3.1-8b-instruct/",
        "oci://registry.example:5000/models/llama-3.1-8b-instruct:v1",
        "oci://registry.example/models/llama-3.1-8b-instruct@sha256:" + "0" * 64,
        "pvc://claim/models/Llama-3.1-8B-Instruct",
        "pvc://claim/Llama-3.1-8B-Instruct",
    ],
)
def test_weights_elsewhere_are_known_by_the_end_of_their_path(source: str) -> None:
    found = CATALOGUE.find(source)

    assert found == CATALOGUE.find("hf://meta-llama/Llama-3.1-8B-Instruct")


@pytest.mark.parametrize(
    "source",
    ["hf://somebody/Qwen3-8B", "hf://meta-llama/Llama-9-1B", "hf://gpt2", "pvc://claim", "s3://llama-3.1-8b/other"],
)
def test_what_only_resembles_a_model_is_not_taken_for_it(source: str) -> None:
    assert CATALOGUE.find(source) is None
