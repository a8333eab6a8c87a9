"""The samples run as real pods and stream tokens."""

import pytest

from e2e.cluster import Namespace
from e2e.installation import SAMPLES
from e2e.streams import Load

MAIN_SAMPLES = {
    "llama-8b": "llama-8b.yaml",
    "llama-70b": "llama-70b-fp8-tp4.yaml",
    "qwen3-30b-a3b": "qwen3-30b-a3b-expert-parallel.yaml",
}


@pytest.mark.parametrize("fleet", MAIN_SAMPLES)
def test_sample_streams_tokens(namespace: Namespace, fleet: str) -> None:
    """Applied as it is, a sample becomes Ready and answers a streamed completion through its Service."""
    namespace.kubectl("apply", "--filename", str(SAMPLES / MAIN_SAMPLES[fleet]))
    namespace.wait_ready(fleet)

    with Load(namespace.lab, namespace.url(fleet), fleet, clients=1, tokens=20) as load:
        pass

    assert load.outcomes
    assert not load.broken
