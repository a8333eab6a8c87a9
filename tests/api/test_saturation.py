"""A pod is saturated by what it runs and what may wait in it, whatever the size of the fleet."""

from typing import Any

import pytest

from modelfleet.api.catalogue import load_catalogue
from modelfleet.api.saturation import gateway_share, queue_depth, requests_per_pod
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment

ACCELERATORS = load_catalogue({}).accelerators


def fleet(accelerator: str = "nvidia-h100-80gb", autoscaling: dict[str, Any] | None = None, **engine: Any) -> Any:
    """Return a fleet with *engine* options."""
    spec = {
        "model": {"source": "hf://meta-llama/Llama-3.1-8B-Instruct"},
        "hardware": {"accelerator": accelerator},
        "engine": engine,
        "autoscaling": autoscaling,
    }
    return ModelDeployment.model_validate({"metadata": {"name": "llama"}, "spec": spec})


@pytest.mark.parametrize(
    ("made", "requests"),
    [
        pytest.param(fleet(maxNumSeqs=64), 68, id="as the spec says, and 4 that wait"),
        pytest.param(fleet(), 1028, id="vLLM's default on a large accelerator"),
        pytest.param(fleet("nvidia-l40s-48gb"), 260, id="vLLM's default on a smaller one"),
        pytest.param(fleet(maxNumBatchedTokens=512), 516, id="no more requests than tokens in a step"),
        pytest.param(fleet(maxNumSeqs=64, dataParallelSize=2), 132, id="each data-parallel rank runs as many"),
        pytest.param(fleet("nvidia-unknown"), 260, id="the smallest default on an unknown accelerator"),
        pytest.param(fleet(image="vllm/vllm-openai:v0.1.0"), 260, id="the smallest default of an unknown engine"),
    ],
)
def test_pod_takes_what_runs_at_once_and_what_may_wait(made: ModelDeployment, requests: int) -> None:
    assert requests_per_pod(made, ACCELERATORS) == requests


def test_autoscaling_says_how_many_may_wait() -> None:
    scaling = {"maxReplicas": 2, "mode": "Advisory"}

    assert queue_depth(fleet()) == 4
    assert queue_depth(fleet(autoscaling=scaling)) == 4
    assert queue_depth(fleet(autoscaling=scaling | {"targets": {"queueDepthPerReplica": 9}})) == 9


@pytest.mark.parametrize(
    ("requests", "replicas", "share"), [(68, 2, 34), (69, 2, 35), (1, 4, 1), (68, 1, 68), (5, 0, 5)]
)
def test_gateways_share_a_pod_rounded_up(requests: int, replicas: int, share: int) -> None:
    assert gateway_share(requests, replicas) == share
