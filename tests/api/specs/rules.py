"""For every rule of the kinds: specs that break it and specs that just keep it."""

from tests.api.specs import route_policy_rules
from tests.api.specs.case import Case
from tests.api.specs.manifests import REMOVED

MODEL, ENGINE, POD = "spec.model", "spec.engine", "spec.pod"
ARCHITECTURE = "spec.model.architecture"
TOLERATION = "spec.hardware.tolerations[0]"
CACHE = "spec.weights.cache"
VOLUMES = [{"name": "a", "emptyDir": {}}]

CASES = (
    Case(
        "`metadata.name` must be at most 40",
        "smallest",
        broken=tuple({"metadata.name": name} for name in ("a" * 41, "8b", "a.b")),
        kept=tuple({"metadata.name": name} for name in ("a" * 40, "b8", "a-b")),
    ),
    Case(
        "must be one of hf://<organisation>/<model>",
        "smallest",
        broken=tuple({f"{MODEL}.source": source} for source in ("llama", "hf://a/b/c", "http://a/b", "pvc://a/../b")),
        kept=tuple(
            {f"{MODEL}.source": source} for source in ("hf://gpt2", "gs://bucket/x", "oci://r.example/a:b", "pvc://a")
        ),
    ),
    Case(
        "must be one of hf://<organisation>/<adapter>",
        "smallest",
        broken=tuple({f"{MODEL}.adapters": [{"name": "a", "source": source}]} for source in ("s3://bucket/a", "a/b")),
        kept=tuple({f"{MODEL}.adapters": [{"name": "a", "source": source}]} for source in ("hf://a/b", "pvc://a/b")),
    ),
    Case(
        "`revision` must be absent unless",
        "smallest",
        broken=({f"{MODEL}.source": "s3://bucket/a", f"{MODEL}.revision": "main"},),
        kept=({f"{MODEL}.revision": "main"}, {f"{MODEL}.source": "s3://bucket/a"}),
    ),
    Case(
        "`tokenSecretRef` must be absent unless",
        "image-volume",
        broken=({f"{MODEL}.adapters": REMOVED}, {f"{MODEL}.adapters[0].source": "pvc://a/b"}),
        kept=({}, {f"{MODEL}.tokenSecretRef": REMOVED, f"{MODEL}.adapters": REMOVED}),
    ),
    Case(
        "`adapters[].name` must differ",
        "everything",
        broken=({f"{MODEL}.servedNames": ["chat", "sql"]},),
        kept=({f"{MODEL}.servedNames": ["chat", "sql2"]}, {f"{MODEL}.servedNames": REMOVED}),
    ),
    Case(
        "`kvHeads` must divide `heads`",
        "everything",
        broken=({f"{ARCHITECTURE}.heads": 7, f"{ARCHITECTURE}.kvHeads": 2}, {f"{ARCHITECTURE}.kvHeads": 256}),
        kept=({f"{ARCHITECTURE}.kvHeads": 1}, {f"{ARCHITECTURE}.heads": 12, f"{ARCHITECTURE}.kvHeads": 4}),
    ),
    Case(
        "`version` must be set when",
        "smallest",
        broken=tuple(
            {f"{ENGINE}.image": image} for image in ("vllm", "vllm:latest", "vllm:v0.33", "vllm@sha256:" + "0" * 64)
        ),
        kept=tuple(
            {f"{ENGINE}.image": image} for image in ("vllm:v0.33.0", "vllm:0.9.2-cu128", "a:5000/vllm:v0.21.0rc1")
        ),
    ),
    Case(
        "`maxNumBatchedTokens` must be greater than or equal to `maxNumSeqs`",
        "smallest",
        broken=({f"{ENGINE}.maxNumBatchedTokens": 7, f"{ENGINE}.maxNumSeqs": 8},),
        kept=({f"{ENGINE}.maxNumBatchedTokens": 8, f"{ENGINE}.maxNumSeqs": 8}, {f"{ENGINE}.maxNumSeqs": 8}),
    ),
    Case(
        "`maxNumBatchedTokens` must be greater than or equal to `maxModelLen`",
        "everything",
        broken=({f"{ENGINE}.maxModelLen": 16_385},),
        kept=({f"{ENGINE}.maxModelLen": 16_385, f"{ENGINE}.chunkedPrefill": True}, {f"{ENGINE}.maxModelLen": REMOVED}),
    ),
    Case(
        "`model` must be set for `method`",
        "smallest",
        broken=(
            {f"{ENGINE}.speculative": {"method": "Eagle"}},
            {f"{ENGINE}.speculative": {"method": "Mtp", "model": "hf://a/b"}},
        ),
        kept=(
            {f"{ENGINE}.speculative": {"method": "DraftModel", "model": "hf://a/b"}},
            {f"{ENGINE}.speculative": {"method": "Mtp"}},
        ),
    ),
    Case(
        "`value` and `valueFrom` must not",
        "everything",
        broken=({f"{ENGINE}.env[1].value": "x"}, {f"{ENGINE}.env[0].valueFrom": {}}),
        kept=({f"{ENGINE}.env": [{"name": "EMPTY"}]}, {f"{ENGINE}.env[0].value": ""}),
    ),
    Case(
        "`name` must not be one of HF_HOME",
        "smallest",
        broken=({f"{ENGINE}.env": [{"name": "HF_TOKEN", "value": "x"}]}, {f"{ENGINE}.env": [{"name": "VLLM_PORT"}]}),
        kept=({f"{ENGINE}.env": [{"name": "hf_token", "value": "x"}]},),
    ),
    Case(
        "`value` must be absent when `operator`",
        "everything",
        broken=({f"{TOLERATION}.operator": "Exists"},),
        kept=(
            {f"{TOLERATION}.operator": "Exists", f"{TOLERATION}.value": REMOVED},
            {f"{TOLERATION}.operator": REMOVED},
        ),
    ),
    Case(
        "`operator` must be Exists when `key`",
        "everything",
        broken=({f"{TOLERATION}.key": REMOVED}, {"spec.hardware.tolerations": [{}]}),
        kept=({"spec.hardware.tolerations": [{"operator": "Exists"}]}, {"spec.hardware.tolerations": [{"key": "gpu"}]}),
    ),
    Case(
        "`tolerationSeconds` must be absent unless",
        "everything",
        broken=({f"{TOLERATION}.effect": "NoSchedule"}, {f"{TOLERATION}.effect": REMOVED}),
        kept=(
            {f"{TOLERATION}.tolerationSeconds": 0},
            {f"{TOLERATION}.effect": REMOVED, f"{TOLERATION}.tolerationSeconds": REMOVED},
        ),
    ),
    Case(
        "exactly one of `claim`, `claimName`",
        "smallest",
        broken=(
            {CACHE: {}},
            {CACHE: {"claimName": "a", "ephemeral": {}}},
            {CACHE: {"hostPath": "/a", "claim": {"size": "1Gi"}}},
        ),
        kept=({CACHE: {"claimName": "a"}}, {CACHE: {"ephemeral": {}}}, {CACHE: {"hostPath": "/a"}}),
    ),
    Case(
        "`replicas` must be at most 1",
        "one-writer",
        broken=(
            {"spec.replicas": 2},
            {"spec.rollout.maxSurge": 1},
            {"spec.rollout.maxSurge": "1%"},
            {"spec.rollout": {"maxUnavailable": 0}},
        ),
        kept=(
            {"spec.replicas": 0},
            {"spec.rollout": REMOVED},
            {"spec.replicas": 2, f"{CACHE}.claim.accessMode": REMOVED},
        ),
    ),
    Case(
        "`spec.model.adapters[].name` must differ from `metadata.name`",
        "smallest",
        broken=({f"{MODEL}.adapters": [{"name": "smallest", "source": "hf://a/b"}]},),
        kept=({f"{MODEL}.adapters": [{"name": "sql", "source": "hf://a/b"}]},),
    ),
    Case(
        "`maxSurge` and `maxUnavailable` must not",
        "smallest",
        broken=(
            {"spec.rollout": {"maxSurge": 0, "maxUnavailable": 0}},
            {"spec.rollout": {"maxSurge": "0%", "maxUnavailable": 0}},
        ),
        kept=(
            {"spec.rollout": {"maxSurge": 0}},
            {"spec.rollout": {"maxUnavailable": "0%"}},
            {"spec.rollout": {"maxSurge": 1, "maxUnavailable": 0}},
        ),
    ),
    Case(
        "keys must not start with modelfleet.dev/",
        "smallest",
        broken=(
            {f"{POD}.labels": {"modelfleet.dev/fleet": "x"}},
            {f"{POD}.annotations": {"app.kubernetes.io/name": "x"}},
        ),
        kept=({f"{POD}.labels": {"app.kubernetes.io/part-of": "x"}}, {f"{POD}.annotations": {"modelfleet.dev": "x"}}),
    ),
    Case(
        "exactly one of `configMapRef`",
        "everything",
        broken=({f"{POD}.envFrom[0].secretRef": REMOVED}, {f"{POD}.envFrom[0].configMapRef": {"name": "a"}}),
        kept=({f"{POD}.envFrom": [{"secretRef": {"name": "a"}}]},),
    ),
    Case(
        "`volumeMounts[].name` must be",
        "everything",
        broken=({f"{POD}.volumeMounts[0].name": "other"}, {f"{POD}.volumes": REMOVED}),
        kept=({f"{POD}.volumeMounts": REMOVED}, {f"{POD}.volumeMounts": []}),
    ),
    Case(
        "`volumes[].name` must not",
        "smallest",
        broken=tuple({f"{POD}.volumes": [{"name": name, "emptyDir": {}}]} for name in ("shm", "draft", "adapter-12")),
        kept=({f"{POD}.volumes": VOLUMES},),
    ),
    Case(
        "`volumeMounts[].mountPath` must not",
        "smallest",
        broken=tuple(
            {POD: {"volumes": VOLUMES, "volumeMounts": [{"name": "a", "mountPath": path}]}}
            for path in ("/models", "/models/adapters/0", "/cache")
        ),
        kept=({POD: {"volumes": VOLUMES, "volumeMounts": [{"name": "a", "mountPath": "/cache/a"}]}},),
    ),
    Case(
        "at least one of `prefixCaching`",
        "cache-policy",
        broken=({"spec.engine": {}},),
        kept=({"spec.engine.kvOffload": REMOVED}, {"spec.engine.prefixCaching": REMOVED}),
    ),
    Case(
        "at least one of `engine` and `affinity`",
        "cache-policy",
        broken=({"spec.engine": REMOVED, "spec.affinity": REMOVED},),
        kept=({"spec.engine": REMOVED}, {"spec.affinity": REMOVED}),
    ),
    Case(
        "`prefixBytes` must be absent",
        "cache-policy",
        broken=tuple({"spec.affinity.key": key} for key in ("Session", "User")),
        kept=({"spec.affinity.prefixBytes": REMOVED, "spec.affinity.key": "User"},),
    ),
    Case(
        "`sessionHeader` must be absent",
        "cache-policy-off",
        broken=tuple({"spec.affinity.key": key} for key in ("Prefix", "User")),
        kept=({"spec.affinity.sessionHeader": REMOVED, "spec.affinity.key": "Prefix"},),
    ),
    Case(
        "`minReplicas` must be at most `maxReplicas`",
        "everything",
        broken=({"spec.autoscaling": {"mode": "Advisory", "minReplicas": 3, "maxReplicas": 2}},),
        kept=(
            {"spec.autoscaling": {"mode": "Advisory", "minReplicas": 2, "maxReplicas": 2}},
            {"spec.autoscaling": {"mode": "Advisory", "maxReplicas": 1}},
            {"spec.autoscaling": {"mode": "Advisory", "maxReplicas": 1}, "spec.replicas": 5},
        ),
    ),
    Case(
        "`scaleToZero` must be set",
        "everything",
        broken=({"spec.autoscaling.scaleToZero": REMOVED}, {"spec.autoscaling.minReplicas": 1}),
        kept=(
            {"spec.autoscaling.scaleToZero": {}},
            {"spec.autoscaling.minReplicas": REMOVED, "spec.autoscaling.scaleToZero": REMOVED},
        ),
    ),
    *route_policy_rules.CASES,
)
