"""What users get wrong becomes a condition that says what to change, and what runs stays as it was."""

from typing import Any

import pytest
from tests.apiserver.namespace import SOURCE, Namespace, manifest, template
from tests.apiserver.operator_process import Operator

LARGE = "hf://meta-llama/Llama-3.1-405B-Instruct"

REFUSED: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "unknown accelerator": (
        {"hardware": {"accelerator": "nvidia-h100-81gb"}},
        "UnknownAccelerator",
        ("`hardware.accelerator`", '"nvidia-h100-81gb"', 'did you mean "nvidia-h100-80gb"'),
    ),
    "tensor parallelism that does not divide the heads": (
        {"engine": {"tensorParallelSize": 3}},
        "DoesNotDivide",
        ("`tensorParallelSize` 3", "32"),
    ),
    "more accelerators than a node has": (
        {"engine": {"tensorParallelSize": 8, "pipelineParallelSize": 2}},
        "TooManyGpus",
        ("16 accelerators", "8 nvidia-l40s-48gb"),
    ),
    "model too large for any size": (
        {"model": {"source": LARGE}, "hardware": {"accelerator": "nvidia-l4-24gb"}},
        "TooLarge",
        ("Llama-3.1-405B-Instruct", "nvidia-l4-24gb"),
    ),
    "unknown flag": (
        {"engine": {"extraArgs": ["--sed", "7"]}},
        "InvalidSpec",
        ("`engine.extraArgs[0]`", '"--sed"', 'did you mean "--seed"'),
    ),
    "flag of a later version": (
        {"engine": {"image": "vllm/vllm-openai:v0.9.2", "extraArgs": ["--device-ids", "0"]}},
        "InvalidSpec",
        ("`engine.extraArgs[0]`", 'must be a flag of vLLM 0.9.2: "--device-ids" exists from 0.24.0 on'),
    ),
    "flag that a field owns": (
        {"engine": {"extraArgs": ["--seed", "7", "--max-model-len", "4096"]}},
        "InvalidSpec",
        ("`engine.extraArgs[2]`", "--max-model-len", "`engine.maxModelLen`"),
    ),
    "flag that is cut short": (
        {"engine": {"extraArgs": ["--max-model", "4096"]}},
        "InvalidSpec",
        ("`engine.extraArgs[0]`", "full name", '"--max-model-len"'),
    ),
    "version that is too old": (
        {"engine": {"image": "vllm/vllm-openai:v0.6.0"}},
        "EngineVersion",
        ("`engine.image`", "0.9.2", "0.6.0"),
    ),
}
BY_THE_SCHEMA: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "version that cannot be read": (
        {"spec": {"engine": {"image": "vllm/vllm-openai:latest"}}},
        ("spec.engine", "`version` must be set"),
    ),
    "name that is too long": ({"metadata": {"name": "a" * 41}}, ("metadata.name", "40 characters")),
    "one writer for two replicas": (
        {"spec": {"replicas": 2, "weights": {"cache": {"claim": {"size": "1Gi", "accessMode": "ReadWriteOnce"}}}}},
        ("`replicas` must be at most 1", "ReadWriteMany"),
    ),
}


@pytest.mark.parametrize(("spec", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_refused_fleet_says_why_and_gets_no_children(
    namespace: Namespace, operator: Operator, spec: dict[str, Any], reason: str, words: tuple[str, ...]
) -> None:
    namespace.fleet(**spec)

    said = namespace.await_condition("Accepted", "False", reason)["message"]

    assert [word for word in words if word not in said] == [], said
    assert namespace.condition("Ready") | {"type": "Accepted"} == namespace.condition("Accepted")
    assert namespace.condition("Stalled")["status"] == "True"
    assert namespace.children() == []


@pytest.mark.parametrize(("patch", "words"), BY_THE_SCHEMA.values(), ids=BY_THE_SCHEMA)
def test_api_server_refuses_at_once(namespace: Namespace, patch: dict[str, Any], words: tuple[str, ...]) -> None:
    wanted = manifest()
    wanted["metadata"] |= patch.get("metadata", {})
    wanted["spec"] |= patch.get("spec", {})

    with pytest.raises(RuntimeError) as refusal:
        namespace.create(wanted)

    said = str(refusal.value)
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize(("spec", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_invalid_edit_of_a_running_fleet_touches_nothing(
    namespace: Namespace, operator: Operator, spec: dict[str, Any], reason: str, words: tuple[str, ...]
) -> None:
    namespace.fleet(pod={"labels": {"team": "search"}}, weights={"cache": {"claim": {"size": "10Gi"}}})
    namespace.await_deployment(replicas=1)
    namespace.await_report()
    before = namespace.versions()

    namespace.edit(**spec, replicas=4, pod={"serviceAccountName": "other"})

    namespace.await_condition("Accepted", "False", reason)
    assert namespace.versions() == before


def test_fleet_goes_on_when_the_spec_is_mended(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(engine={"tensorParallelSize": 3})
    namespace.await_condition("Accepted", "False", "DoesNotDivide")

    namespace.edit(engine={"tensorParallelSize": 2})

    namespace.await_condition("Accepted", "True")
    assert template(namespace.await_deployment())["resources"]["limits"] == {"nvidia.com/gpu": "2"}


def test_fit_check_that_only_warns_starts_what_cannot_fit(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(engine={"tensorParallelSize": 3, "fitCheck": "Warn"})

    namespace.await_deployment()
    namespace.await_condition("Accepted", "True")
    assert namespace.condition("Fits")["status"] == "False"


CHILD_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "value that is not allowed": (
        {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}]}}},
        "topologyKey: Required value",
    ),
    "unknown field": ({"affinity": {"nodes": ["a"]}}, "nodes"),
    "wrong type": ({"affinity": {"nodeAffinity": "everywhere"}}, "nodeAffinity"),
    "security context of another type": ({"securityContext": {"runAsUser": "root"}}, "runAsUser"),
}


@pytest.mark.parametrize(("pod", "words"), CHILD_REFUSED.values(), ids=CHILD_REFUSED)
def test_child_that_the_api_server_refuses_is_told_in_its_words(
    namespace: Namespace, operator: Operator, pod: dict[str, Any], words: str
) -> None:
    namespace.fleet(pod=pod)

    said = namespace.await_condition("Accepted", "False", "ChildRefused")["message"]

    assert words in said
    namespace.edit(pod={"affinity": None, "securityContext": None})
    namespace.await_condition("Accepted", "True")
    namespace.await_deployment(replicas=1)


def test_child_that_a_quota_forbids_is_told_in_its_words(namespace: Namespace, operator: Operator) -> None:
    limit_deployments(namespace, 0)
    namespace.fleet()

    said = namespace.await_condition("Accepted", "False", "ChildRefused")["message"]

    assert "exceeded quota: deployments" in said
    assert namespace.find("Deployment") is None


def test_child_that_is_lost_in_a_namespace_that_goes_stays_away(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment()
    namespace.await_report()
    namespace.http.delete(f"/api/v1/namespaces/{namespace.name}").raise_for_status()

    namespace.delete("Service")

    said = namespace.await_condition("Accepted", "False", "ChildRefused")["message"]
    assert "because it is being terminated" in said


def test_unpinned_revision_is_accepted_with_a_warning(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(model={"source": SOURCE})

    said = namespace.await_condition("Accepted", "True", "RevisionNotPinned")

    assert "`model.revision`" in said["message"]


def test_unknown_model_starts_and_says_that_its_fit_is_unknown(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(model={"source": "hf://somebody/unheard-of", "revision": "main"})

    namespace.await_deployment()
    said = namespace.await_condition("Fits", "Unknown", "UnknownModel")
    assert "hf://somebody/unheard-of" in said["message"]
    namespace.await_condition("Accepted", "True")


def limit_deployments(namespace: Namespace, count: int) -> None:
    """Allow so many Deployments; without its controller a quota's status must be written too."""
    hard = {"count/deployments.apps": str(count)}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "deployments"}, "spec": {"hard": hard}}
    path = f"/api/v1/namespaces/{namespace.name}/resourcequotas"
    namespace.http.post(path, json=quota).raise_for_status()
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    headers = {"Content-Type": "application/merge-patch+json"}
    namespace.http.patch(f"{path}/deployments/status", json=status, headers=headers).raise_for_status()
