"""The built-in catalogues, and what a platform adds to them."""

import re
from typing import Any

import pytest

from modelfleet.api.catalogue import CatalogueError, load_catalogue
from modelfleet.api.schema.types import DNS_LABEL

NEW = {
    "resourceName": "example.com/npu",
    "memoryMiB": 65536,
    "gpusPerNode": 4,
    "hourlyCents": {"onDemand": 9, "spot": 4},
}


def test_every_built_in_accelerator_is_named_like_a_label() -> None:
    assert all(re.fullmatch(DNS_LABEL[1:-1], name) for name in load_catalogue().accelerators.names)


def test_an_override_changes_only_the_fields_it_names() -> None:
    overrides = {"accelerators": {"nvidia-h100-80gb": {"hourlyCents": {"spot": 111}, "gpusPerNode": 4}}}
    built_in = load_catalogue().accelerators.find("nvidia-h100-80gb")

    changed = load_catalogue(overrides).accelerators.find("nvidia-h100-80gb")

    assert changed.hourly_cents.spot == 111
    assert changed.hourly_cents.on_demand == built_in.hourly_cents.on_demand
    assert changed.gpus_per_node == 4
    assert changed.memory_mib == built_in.memory_mib


def test_a_null_takes_a_field_away() -> None:
    overrides = {"accelerators": {"nvidia-h100-80gb": {"nodeLabels": None}}}

    assert load_catalogue(overrides).accelerators.find("nvidia-h100-80gb").node_labels == {}


def test_a_new_accelerator_needs_only_what_has_no_default() -> None:
    found = load_catalogue({"accelerators": {"example-npu": NEW}}).accelerators.find("example-npu")

    assert (found.name, found.resource_name, found.memory_mib) == ("example-npu", "example.com/npu", 65536)


def test_a_known_model_can_be_corrected_and_a_new_one_described() -> None:
    new = {
        "parametersMillions": 1000,
        "layers": 16,
        "hiddenSize": 2048,
        "heads": 16,
        "kvHeads": 4,
        "headDim": 128,
        "vocabSize": 32000,
        "maxPositionEmbeddings": 4096,
    }
    overrides = {"models": {"acme/tiny-1b": new, "QWEN/qwen3-8b": {"maxPositionEmbeddings": 131072}}}

    models = load_catalogue(overrides).models

    assert models.find("hf://acme/Tiny-1B") is not None
    corrected = models.find("hf://Qwen/Qwen3-8B")
    assert corrected is not None
    assert (corrected.max_position_embeddings, corrected.layers) == (131072, 36)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"gpus": {}}, "`catalogue.gpus` is not a catalogue"),
        ({"accelerators": []}, None),
        ({"accelerators": ["x"]}, "`catalogue.accelerators` must be an object"),
        ({"accelerators": {"nvidia-h100-80gb": 7}}, "`catalogue.accelerators.nvidia-h100-80gb` must be an object"),
        (
            {"accelerators": {"nvidia-h100-80gb": {"memory": 7}}},
            "`catalogue.accelerators.nvidia-h100-80gb.memory` is not",
        ),
        ({"accelerators": {"nvidia-h100-80gb": {"memoryMiB": "80Gi"}}}, "memoryMiB` must be an integer"),
        ({"accelerators": {"nvidia-h100-80gb": {"name": "x"}}}, 'name` must be "nvidia-h100-80gb" or absent'),
        ({"accelerators": {"new": {}}}, "`catalogue.accelerators.new.memoryMiB` must be set"),
        ({"accelerators": {"Not_A_Label": NEW}}, "`catalogue.accelerators.Not_A_Label.name` must match"),
        ({"models": {"llama": {}}}, "`catalogue.models.llama` must be the Hugging Face id"),
        ({"models": {"a/b": {"layers": 3}}}, "`catalogue.models.a/b.hiddenSize` must be set"),
        ({"models": {"Qwen/Qwen3-8B": {"kvHeads": 7}}}, "`kvHeads` must divide `heads`"),
        ({"models": {"Qwen/Qwen3-8B": 1}}, "`catalogue.models.Qwen/Qwen3-8B` must be an object"),
    ],
)
def test_a_mistake_is_named_by_its_key(overrides: dict[str, Any], expected: str | None) -> None:
    if expected is None:
        assert load_catalogue(overrides).accelerators.names == load_catalogue().accelerators.names
        return
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(overrides)

    assert expected in str(caught.value)


def test_messages_do_not_point_at_kubectl() -> None:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue({"accelerators": {"nvidia-h100-80gb": {"memory": 7}}})

    assert "kubectl" not in str(caught.value)
