"""What people see who apply, scale and read our kinds with kubectl."""

from collections.abc import Iterator

import pytest
import yaml
from tests.api.specs.manifests import Manifest, bases, changed, steps_of
from tests.apiserver.client import Client
from tests.apiserver.kubectl import Kubectl

REFUSED = (
    pytest.param(
        {"spec.model.source": "meta-llama/Llama-3.1-8B"},
        ("spec.model.source", '"meta-llama/Llama-3.1-8B"', "must be one of hf://<organisation>/<model>"),
        id="a source without a scheme",
    ),
    pytest.param(
        {"metadata.name": "a" * 41},
        (f'found `metadata.name` "{"a" * 41}"', "must be at most 40 characters"),
        id="a name that is too long",
    ),
    pytest.param(
        {"spec.rollout": {"maxSurge": 0, "maxUnavailable": "0%"}},
        ("spec.rollout", 'found `maxSurge` "0" and `maxUnavailable` "0%"', "must not both be 0"),
        id="a rollout that could never replace a pod",
    ),
    pytest.param(
        {"spec.replicas": 2, "spec.weights.cache": {"claim": {"size": "1Gi", "accessMode": "ReadWriteOnce"}}},
        ("spec", 'found `replicas` "2"', "use ReadWriteMany"),
        id="a claim for one writer and two replicas",
    ),
    pytest.param(
        {"spec.engine.env": [{"name": "HF_HOME", "value": "/x"}]},
        ("spec.engine.env[0]", 'found `name` "HF_HOME"', "the operator sets them"),
        id="an environment variable the operator owns",
    ),
    pytest.param(
        {"spec.engine.image": "vllm/vllm-openai:latest"},
        ("spec.engine", 'found `image` "vllm/vllm-openai:latest"', "`version` must be set"),
        id="an image whose tag is not a version",
    ),
    pytest.param(
        {"spec.pod.volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        ("spec.pod", 'found ["data"]', "must be the name of one of `volumes`"),
        id="a mount of a volume that is not there",
    ),
    pytest.param(
        {"spec.weights.cache": {"claimName": "a", "hostPath": "/b"}},
        ("spec.weights.cache", 'found ["claimName", "hostPath"]', "exactly one of"),
        id="two places for weights",
    ),
    pytest.param(
        {"spec.engine.gpuMemoryPercent": 100},
        ("spec.engine.gpuMemoryPercent", "100", "less than or equal to 99"),
        id="a number beyond its bounds",
    ),
    pytest.param(
        {"spec.engine.maxModelLength": 4096},
        ("unknown field", "spec.engine.maxModelLength"),
        id="a field that does not exist",
    ),
)


def fleet(name: str, **patch: object) -> Manifest:
    manifest = changed(bases()["smallest"], ("metadata", "name"), name)
    for path, value in patch.items():
        manifest = changed(manifest, steps_of(path), value)
    return manifest


@pytest.mark.parametrize(("patch", "said"), REFUSED)
def test_apply_refuses_with_the_field_the_value_and_the_remedy(
    kubectl: Kubectl, patch: dict[str, object], said: tuple[str, ...]
) -> None:
    outcome = kubectl.apply(fleet("refused", **patch))

    assert not outcome.succeeded
    for words in said:
        assert words in outcome.text


@pytest.mark.parametrize("name", sorted(bases()))
def test_apply_takes_every_base_and_a_second_apply_changes_nothing(kubectl: Kubectl, api: Client, name: str) -> None:
    manifest = bases()[name]

    first = kubectl.apply(manifest)
    difference = kubectl("diff", "-f", "-", stdin=yaml.safe_dump(manifest))
    second = kubectl.apply(manifest)
    stored = api.get(manifest["kind"], name)
    api.delete(manifest["kind"], name)

    assert first.text.rstrip().endswith(f"{name} created")
    assert (difference.succeeded, difference.text) == (True, "")
    assert second.succeeded
    assert stored["metadata"]["generation"] == 1


@pytest.fixture
def scaled(api: Client) -> Iterator[str]:
    """Yield the name of a fleet that is stored."""
    api.create(fleet("scaled"))
    yield "scaled"
    api.delete("ModelDeployment", "scaled")


def test_kubectl_scale_sets_replicas(kubectl: Kubectl, api: Client, scaled: str) -> None:
    outcome = kubectl("scale", "mdep", scaled, "--replicas=3")

    assert outcome.succeeded, outcome.text
    assert api.get("ModelDeployment", scaled)["spec"]["replicas"] == 3


def test_scale_subresource_reports_live_replicas_and_their_selector(api: Client, scaled: str) -> None:
    api.patch_status("ModelDeployment", scaled, {"replicas": 2, "selector": "modelfleet.dev/fleet=scaled"})

    scale = api.scale("ModelDeployment", scaled)

    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 2, "selector": "modelfleet.dev/fleet=scaled"}


def test_kubectl_scale_is_refused_while_weights_have_one_writer(kubectl: Kubectl, api: Client) -> None:
    api.create(bases()["one-writer"])

    outcome = kubectl("scale", "mdep", "one-writer", "--replicas=2")
    api.delete("ModelDeployment", "one-writer")

    assert not outcome.succeeded
    assert "ReadWriteOnce: a second pod could not mount the claim; use ReadWriteMany" in outcome.text


def test_kubectl_get_shows_the_columns_and_the_pending_condition(kubectl: Kubectl, scaled: str) -> None:
    outcome = kubectl("get", "mdep", scaled, "-o", "wide")

    header, row = outcome.text.splitlines()
    assert header.split() == ["NAME", "READY", "DESIRED", "SERVING", "TP", "ACCELERATOR", "REASON", "MESSAGE", "AGE"]
    assert row.split()[:4] == ["scaled", "Unknown", "nvidia-l40s-48gb", "Pending"]


def test_kubectl_wait_sees_the_ready_condition(kubectl: Kubectl, api: Client, scaled: str) -> None:
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Serving",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    api.patch_status("ModelDeployment", scaled, {"conditions": [ready]})

    outcome = kubectl("wait", "--for=condition=Ready", f"mdep/{scaled}", "--timeout=5s")

    assert outcome.succeeded, outcome.text


def test_kubectl_explain_knows_the_descriptions(kubectl: Kubectl) -> None:
    outcome = kubectl("explain", "modeldeployment.spec.engine.gpuMemoryPercent")

    assert "gpuMemoryPercent is the share of the accelerator's memory" in outcome.text


def test_category_lists_both_kinds(kubectl: Kubectl, api: Client, scaled: str) -> None:
    api.create(bases()["cache-policy"])

    outcome = kubectl("get", "modelfleet", "-o", "name")
    api.delete("CachePolicy", "cache-policy")

    assert set(outcome.text.split()) == {
        "modeldeployment.modelfleet.dev/scaled",
        "cachepolicy.modelfleet.dev/cache-policy",
    }
