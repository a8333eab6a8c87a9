"""
Every field works: changing it changes the children, the size, or the verdict.

The table names one change for every leaf of the schemas, except those that only the gateway looks at. A new field fails
the first test until somebody says what it does. Hashes of the spec, which change with every field, do not count.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.workload.fleets import merged, setting

from modelfleet.api.schema.structural import structural_schema
from modelfleet.api.v1alpha1.cache_policy import CachePolicy, CachePolicySpec
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.model_deployment.spec import ModelDeploymentSpec
from modelfleet.workload.cache_policies import in_force
from modelfleet.workload.children.compile import children
from modelfleet.workload.plan import Refusal, plan
from modelfleet.workload.scale import scaling

SCHEMAS = {"fleet": structural_schema(ModelDeploymentSpec), "policy": structural_schema(CachePolicySpec)}
FLEET, POLICY = (
    dict(document)
    for document in yaml.safe_load_all((Path(__file__).parent / "goldens/everything/input.yaml").read_text())
)
OF_THE_GATEWAY = ("fleet.exposure", "fleet.autoscaling.", "policy.affinity.")
"""Fields that no pod depends on: they change how requests reach the fleet."""
HASHES = ("input-hash", "template-hash", "tensor-parallel-inputs")

Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Change:
    """A *value* for one field of a fleet that uses every field, or of one that differs from it as *base* says."""

    value: Any
    base: Mapping[str, Any] | None = None


LATENT = {
    "model": {"architecture": {"slidingWindow": None, "latentAttention": {"kvLoraRank": 512, "qkRopeHeadDim": 64}}}
}
LONG = {"engine": {"maxModelLen": 40_960, "maxNumBatchedTokens": 2048, "chunkedPrefill": True}}
TOO_LARGE = {"model": {"architecture": {"parametersMillions": 9_000_000}}}
HOST = {"weights": {"cache": {"claim": None, "hostPath": "/mnt"}}}
CLAIMED = {"weights": {"cache": {"claim": None, "claimName": "models"}}}
EPHEMERAL = {"weights": {"cache": {"claim": None, "ephemeral": {"sizeLimit": "1Ti"}}}}
ONE = {"replicas": 1, "rollout": {"maxSurge": 0, "maxUnavailable": 1}}
NGRAM = {"engine": {"speculative": {"method": "Ngram", "model": None}}}
UNMOUNTED = {"pod": {"volumes": [{"name": "spare", "emptyDir": {}}], "volumeMounts": []}}
PINNED = {"hardware": {"tolerations": [{"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute"}]}}

CHANGES: Mapping[str, Change] = {
    "fleet.model.source": Change("hf://house/other"),
    "fleet.model.revision": Change("v1.1"),
    "fleet.model.servedNames[]": Change("other"),
    "fleet.model.tokenSecretRef.name": Change("other"),
    "fleet.model.tokenSecretRef.key": Change("other"),
    "fleet.model.adapters[].name": Change("other"),
    "fleet.model.adapters[].source": Change("pvc://adapters/sql"),
    "fleet.model.adapters[].rank": Change(64),
    "fleet.model.architecture.parametersMillions": Change(40_000),
    "fleet.model.architecture.layers": Change(64),
    "fleet.model.architecture.hiddenSize": Change(4096),
    "fleet.model.architecture.heads": Change(64),
    "fleet.model.architecture.kvHeads": Change(8),
    "fleet.model.architecture.headDim": Change(256),
    "fleet.model.architecture.vocabSize": Change(64_000),
    "fleet.model.architecture.intermediateSize": Change(6145),
    "fleet.model.architecture.maxPositionEmbeddings": Change(8192),
    "fleet.model.architecture.tiedEmbeddings": Change(value=False),
    "fleet.model.architecture.latentAttention.kvLoraRank": Change(1024, LATENT),
    "fleet.model.architecture.latentAttention.qkRopeHeadDim": Change(128, LATENT),
    "fleet.model.architecture.latentAttention.queryLoraRank": Change(1536, LATENT),
    "fleet.model.architecture.latentAttention.indexHeadDim": Change(128, LATENT),
    "fleet.model.architecture.slidingWindow.tokens": Change(1024, LONG),
    "fleet.model.architecture.slidingWindow.fullAttentionLayers": Change(24),
    "fleet.model.architecture.experts.count": Change(64),
    "fleet.model.architecture.experts.intermediateSize": Change(1536),
    "fleet.model.architecture.experts.perToken": Change(4),
    "fleet.model.architecture.experts.denseLayers": Change(8),
    "fleet.model.architecture.quantization": Change("awq"),
    "fleet.model.architecture.quantizationBlockSize": Change(100),
    "fleet.model.architecture.unquantizedParametersMillions": Change(4000),
    "fleet.engine.image": Change("registry.example:5000/vllm/vllm-openai:other"),
    "fleet.engine.version": Change("0.17.1"),
    "fleet.engine.tensorParallelSize": Change(1),
    "fleet.engine.pipelineParallelSize": Change(1),
    "fleet.engine.dataParallelSize": Change(1),
    "fleet.engine.expertParallel": Change(value=False),
    "fleet.engine.fitCheck": Change("Enforce", TOO_LARGE),
    "fleet.engine.maxModelLen": Change(8192),
    "fleet.engine.gpuMemoryPercent": Change(80),
    "fleet.engine.maxNumSeqs": Change(128),
    "fleet.engine.maxNumBatchedTokens": Change(32_768),
    "fleet.engine.dtype": Change("float16"),
    "fleet.engine.quantization": Change("bitsandbytes"),
    "fleet.engine.kvCacheDtype": Change("fp8_e5m2"),
    "fleet.engine.chunkedPrefill": Change(value=True),
    "fleet.engine.enforceEager": Change(value=False),
    "fleet.engine.speculative.method": Change("Eagle"),
    "fleet.engine.speculative.model": Change("hf://team/other-head"),
    "fleet.engine.speculative.tokens": Change(5, NGRAM),
    "fleet.engine.toolCallParser": Change("llama3_json"),
    "fleet.engine.reasoningParser": Change("deepseek_r1"),
    "fleet.engine.chatTemplate": Change("/templates/other.jinja"),
    "fleet.engine.extraArgs[]": Change("--no-such-flag"),
    "fleet.engine.env[].name": Change("OTHER"),
    "fleet.engine.env[].value": Change("INFO"),
    "fleet.engine.env[].valueFrom": Change(
        {"fieldRef": {"fieldPath": "status.podIP"}}, {"engine": {"env": [{"name": "A"}]}}
    ),
    "fleet.hardware.accelerator": Change("nvidia-h200-141gb"),
    "fleet.hardware.capacityType": Change("OnDemand"),
    "fleet.hardware.nodeSelector{}": Change("added"),
    "fleet.hardware.tolerations[].key": Change("other"),
    "fleet.hardware.tolerations[].operator": Change("Exists", {"hardware": {"tolerations": [{"key": "a"}]}}),
    "fleet.hardware.tolerations[].value": Change("other"),
    "fleet.hardware.tolerations[].effect": Change("NoSchedule", PINNED),
    "fleet.hardware.tolerations[].tolerationSeconds": Change(61),
    "fleet.hardware.priorityClassName": Change("other"),
    "fleet.hardware.runtimeClassName": Change("other"),
    "fleet.hardware.cpu": Change("16"),
    "fleet.hardware.memory": Change("1Ti"),
    "fleet.hardware.sharedMemory": Change("1Gi"),
    "fleet.weights.cache.claim.size": Change("3Ti"),
    "fleet.weights.cache.claim.storageClassName": Change("other"),
    "fleet.weights.cache.claim.accessMode": Change("ReadWriteOnce", ONE),
    "fleet.weights.cache.claim.deletionPolicy": Change("Retain"),
    "fleet.weights.cache.claimName": Change("other", CLAIMED),
    "fleet.weights.cache.ephemeral.sizeLimit": Change("2Ti", EPHEMERAL),
    "fleet.weights.cache.hostPath": Change("/other", HOST),
    "fleet.replicas": Change(5),
    "fleet.rollout.maxSurge": Change("50%"),
    "fleet.rollout.maxUnavailable": Change(1),
    "fleet.rollout.drainSeconds": Change(30),
    "fleet.suspend": Change(value=True),
    "fleet.pod.labels{}": Change("added"),
    "fleet.pod.annotations{}": Change("added"),
    "fleet.pod.serviceAccountName": Change("other"),
    "fleet.pod.imagePullSecrets[].name": Change("other"),
    "fleet.pod.volumes[].name": Change("other", UNMOUNTED),
    "fleet.pod.volumeMounts[].name": Change("scratch"),
    "fleet.pod.volumeMounts[].mountPath": Change("/other"),
    "fleet.pod.volumeMounts[].subPath": Change("other"),
    "fleet.pod.volumeMounts[].readOnly": Change(value=False),
    "fleet.pod.envFrom[].prefix": Change("OTHER_"),
    "fleet.pod.envFrom[].configMapRef.name": Change("other", {"pod": {"envFrom": [{"configMapRef": {"name": "a"}}]}}),
    "fleet.pod.envFrom[].secretRef.name": Change("other"),
    "fleet.pod.affinity": Change({"podAffinity": {}}),
    "fleet.pod.topologySpreadConstraints[]": Change({"maxSkew": 2, "topologyKey": "zone"}),
    "fleet.pod.schedulerName": Change("other"),
    "fleet.pod.securityContext": Change({"runAsUser": 1}),
    "policy.targetRefs[].name": Change("other"),
    "policy.engine.prefixCaching": Change(value=True),
    "policy.engine.kvOffload.cpuGiB": Change(128),
    "policy.engine.kvOffload.backend": Change("Native"),
}


def leaves(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the path of every field that holds a value, with `[]` for items and `{}` for the values of maps."""
    if schema.get("properties"):
        for name, inside in schema["properties"].items():
            yield from leaves(inside, f"{path}.{name}")
    elif "items" in schema:
        yield from leaves(schema["items"], f"{path}[]")
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from leaves(schema["additionalProperties"], f"{path}{{}}")
    else:
        yield path


def test_every_leaf_of_the_schemas_has_a_change() -> None:
    every = (path for kind, schema in SCHEMAS.items() for path in leaves(schema, kind))

    assert sorted(CHANGES) == sorted(path for path in every if not path.startswith(OF_THE_GATEWAY))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("fleet.exposure", "PolicyOnly"),
        ("fleet.autoscaling", {"mode": "Advisory", "minReplicas": 0, "maxReplicas": 2, "scaleToZero": {}}),
        ("policy.affinity", {"key": "Session"}),
    ],
)
def test_fields_of_the_gateway_change_neither_children_nor_declaration(path: str, value: Any) -> None:
    before = {"fleet": FLEET["spec"], "policy": POLICY["spec"]}
    after = with_value(before, steps_of(path), value)

    assert outcome(before, is_hashed=True) == outcome(after, is_hashed=True)


@pytest.mark.parametrize("path", CHANGES)
def test_changing_a_field_changes_the_outcome(path: str) -> None:
    change = CHANGES[path]
    before = {"fleet": merged(FLEET["spec"], change.base or {}), "policy": POLICY["spec"]}
    after = with_value(before, steps_of(path), change.value)

    assert before != after
    assert outcome(before) != outcome(after)


@pytest.mark.parametrize("path", [path for path in CHANGES if path not in ("fleet.replicas", "fleet.suspend")])
def test_changing_a_field_is_a_change_of_the_declaration(path: str) -> None:
    change = CHANGES[path]
    before = {"fleet": merged(FLEET["spec"], change.base or {}), "policy": POLICY["spec"]}
    after = with_value(before, steps_of(path), change.value)

    assert declared(before) != declared(after)


def steps_of(path: str) -> Steps:
    """Return the steps to the first item, or to a new entry of a map."""
    words = path.replace("[]", ".0").replace("{}", ".added").split(".")
    return tuple(int(word) if word.isdecimal() else word for word in words)


def with_value(specs: Mapping[str, Any], steps: Steps, value: Any) -> dict[str, Any]:
    """Return *specs* with *value* at *steps*; objects on the way are made."""
    result = copy.deepcopy(dict(specs))
    *parents, last = steps
    node: Any = result
    for step in parents:
        node = node[step] if isinstance(step, int) else node.setdefault(step, {})
    node[last] = value
    return result


def outcome(specs: Mapping[str, Any], *, is_hashed: bool = False) -> Any:
    """Return everything that follows from a fleet and a policy, without the hashes unless they are asked for."""
    fleet = ModelDeployment.model_validate(FLEET | {"spec": specs["fleet"]})
    policy = in_force([CachePolicy.model_validate(POLICY | {"spec": specs["policy"]})], fleet.metadata.name)
    size = scaling(None, desired=fleet.spec.replicas, previously_desired=None, suspended=fleet.spec.suspend)
    planned = plan(fleet, policy.spec.engine if policy else None, setting())
    if isinstance(planned, Refusal):
        return planned
    made = [child if is_hashed else _without_hashes(child) for child in children(planned)]
    return size, planned.sized, planned.hourly_cents_per_pod, made


def declared(specs: Mapping[str, Any]) -> str | None:
    """Return the digest that tells a user's change from an operator's, or None where the fleet is refused."""
    result = outcome(specs, is_hashed=True)
    if isinstance(result, Refusal):
        return None
    [deployment] = [child for child in result[-1] if child["kind"] == "Deployment"]
    digest: str = deployment["metadata"]["annotations"]["modelfleet.dev/input-hash"]
    return digest


def _without_hashes(child: dict[str, Any]) -> dict[str, Any]:
    annotations = child["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if not key.endswith(HASHES)}
    return child | {"metadata": child["metadata"] | {"annotations": kept}}
