"""Which vLLM an image holds."""

import pytest

from modelfleet.api.catalogue.engine_version import EngineVersion, EngineVersionError


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("vllm/vllm-openai:v0.33.0", (0, 33, 0)),
        ("vllm/vllm-openai:0.10.2", (0, 10, 2)),
        ("registry.example:5000/vllm:v0.18.1", (0, 18, 1)),
        ("vllm/vllm-openai:v0.11.0-cu129", (0, 11, 0)),
        ("vllm/vllm-openai:v0.29.0rc1", (0, 29, 0)),
        ("vllm/vllm-openai:v0.10.1.1", (0, 10, 1)),
        ("vllm/vllm-openai:v0.33.0@sha256:" + "a" * 64, (0, 33, 0)),
        ("vllm/vllm-openai:v1.2.3", (1, 2, 3)),
    ],
)
def test_the_version_is_read_from_the_tag(image: str, expected: tuple[int, int, int]) -> None:
    assert EngineVersion.of(image) == EngineVersion(*expected)


def test_a_declared_version_wins_over_the_tag() -> None:
    assert EngineVersion.of("vllm/vllm-openai:v0.33.0", "0.18.1") == EngineVersion(0, 18, 1)


@pytest.mark.parametrize("image", ["vllm/vllm-openai:nightly", "vllm/vllm-openai", "registry.example:5000/vllm"])
def test_an_unreadable_tag_says_which_field_to_set(image: str) -> None:
    with pytest.raises(EngineVersionError, match=r"set `engine\.version` to the vLLM version inside the image"):
        EngineVersion.of(image)


def test_a_version_that_is_too_old_is_refused_by_its_number() -> None:
    with pytest.raises(EngineVersionError, match=r"`engine.image` must be vLLM 0\.9\.2 or newer, not 0\.8\.5"):
        EngineVersion.of("vllm/vllm-openai:v0.8.5")


def test_a_declared_version_that_is_no_version_names_its_field() -> None:
    with pytest.raises(
        EngineVersionError, match=r'`engine.version` must be a vLLM version such as "0.33.0", not "new"'
    ):
        EngineVersion.of("vllm/vllm-openai:v0.33.0", "new")


def test_versions_are_ordered_as_numbers() -> None:
    assert EngineVersion.parse("0.9.2") < EngineVersion.parse("0.10.0") < EngineVersion.parse("0.10.2")
