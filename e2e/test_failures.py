"""What keeps pods from serving reaches the status in words, and goes away when the user repairs it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.cluster import Json, Namespace, environment, small_fleet

NOWHERE = "127.0.0.1:9/vllm/vllm-openai:v0.33.0"
"""An image in a registry that is not there."""
GATED = "hf://meta-llama/Llama-3.1-8B-Instruct"
CLAIM: Json = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "weights"},
    "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "100Gi"}}},
}


@dataclass(frozen=True)
class Story:
    """A fleet that cannot serve: what its status says of that, and what its user does then."""

    spec: Json
    reason: str
    words: tuple[str, ...]
    repair: Callable[[Namespace, str], Any]


def patching(**spec: Any) -> Callable[[Namespace, str], None]:
    """Return the repair that merges *spec* into the fleet's."""
    return lambda namespace, fleet: namespace.patch(fleet, spec)


def creating_secret(namespace: Namespace, _: str) -> None:
    """Create the Secret that was missing."""
    namespace.kubectl("create", "secret", "generic", "forgotten", "--from-literal=token=hf_late")


STORIES = {
    "image": Story(
        spec={"engine": {"image": NOWHERE}},
        reason="ImagePull",
        words=("`engine.image`", NOWHERE),
        repair=patching(engine={"image": "vllm/vllm-openai:v0.33.0"}),
    ),
    "selector": Story(
        spec={"hardware": {"nodeSelector": {"pool": "imaginary"}}},
        reason="Unschedulable",
        words=("cannot be scheduled", "node affinity/selector"),
        repair=patching(hardware={"nodeSelector": None}),
    ),
    "claim": Story(
        spec={"weights": {"cache": {"claimName": "weights"}}},
        reason="Unschedulable",
        words=('persistentvolumeclaim "weights" not found',),
        repair=lambda namespace, _: namespace.apply(CLAIM),
    ),
    "secret": Story(
        spec={"model": {"tokenSecretRef": {"name": "forgotten"}}},
        reason="ContainerConfigError",
        words=('secret "forgotten" not found',),
        repair=creating_secret,
    ),
    "crash": Story(
        spec={"engine": environment(1) | {"maxModelLen": 200_000, "fitCheck": "Warn"}},
        reason="CrashLoop",
        words=("ended with code 1", "max_model_len (200000) is greater than the derived max_model_len"),
        repair=patching(engine={"maxModelLen": 8192}),
    ),
    "memory": Story(
        spec={"engine": environment(1, VLLM_STANDIN_GPU_MEMORY_GIB="14") | {"fitCheck": "Warn"}},
        reason="OutOfMemory",
        words=("`engine.tensorParallelSize`", "CUDA out of memory"),
        repair=patching(engine=environment()),
    ),
    "gated": Story(
        spec={"model": {"source": GATED}, "engine": environment(1, VLLM_STANDIN_GATED="1")},
        reason="GatedModel",
        words=("`model.tokenSecretRef`", "gated repo"),
        repair=patching(model={"tokenSecretRef": {"name": "huggingface"}}),
    ),
}


def test_a_replica_beyond_the_last_gpu_quotes_the_scheduler(namespace: Namespace) -> None:
    """The others serve meanwhile, and a smaller size ends it."""
    namespace.apply(small_fleet("large", replicas=4, engine={"tensorParallelSize": 8}))
    message = namespace.wait_for("large", "Unschedulable", kind="Progressing")

    assert "Insufficient nvidia.com/gpu" in message
    namespace.wait_ready("large")
    namespace.kubectl("scale", "mdep", "large", "--replicas", "1")
    namespace.wait_for("large", "Stable", kind="Progressing")


@pytest.fixture(scope="module")
def broken(shared_namespace: Namespace) -> Namespace:
    """All fleets that cannot serve, at the same time, and one whose engine dies later."""
    dying = small_fleet("dying", engine=environment(6, VLLM_STANDIN_FAULTS="1"))
    shared_namespace.apply(dying, *(small_fleet(name, **story.spec) for name, story in STORIES.items()))
    return shared_namespace


@pytest.mark.parametrize("name", STORIES)
def test_status_says_why_the_pod_does_not_serve(broken: Namespace, name: str) -> None:
    """Ready is False for a reason of its own, and its message quotes who refused what."""
    message = broken.wait_for(name, STORIES[name].reason)

    for words in STORIES[name].words:
        assert words in message


def test_an_engine_that_dies_with_code_0_is_explained_by_its_log(broken: Namespace) -> None:
    """VLLM ends with code 0 when its engine dies; the status says what the engine said, until the next one serves."""
    broken.wait_ready("dying")
    [pod] = broken.ready_pods("dying")
    broken.post_to_pod(pod, "/_standin/kill-engine")
    message = broken.wait_for("dying", "CrashLoop")

    assert "ended with code 0" in message
    assert "killed on request" in message
    broken.wait_ready("dying")


@pytest.fixture(scope="module")
def repaired(broken: Namespace) -> Namespace:
    """The fleets after their users did what the status said."""
    for name, story in STORIES.items():
        story.repair(broken, name)
    return broken


@pytest.mark.parametrize("name", STORIES)
def test_the_fleet_serves_once_the_cause_is_gone(repaired: Namespace, name: str) -> None:
    """Nothing has to be deleted or restarted by hand."""
    repaired.wait_ready(name, replicas=1, seconds=90)
