"""Flags that nobody may add to `engine.extraArgs`, and what to do instead."""

from collections.abc import Mapping
from types import MappingProxyType

FIELDS: Mapping[str, str] = {
    "--revision": "model.revision",
    "--served-model-name": "model.servedNames",
    "--hf-token": "model.tokenSecretRef",
    "--enable-lora": "model.adapters",
    "--lora-modules": "model.adapters",
    "--max-lora-rank": "model.adapters",
    "--max-loras": "model.adapters",
    "--max-cpu-loras": "model.adapters",
    "--tensor-parallel-size": "engine.tensorParallelSize",
    "--pipeline-parallel-size": "engine.pipelineParallelSize",
    "--data-parallel-size": "engine.dataParallelSize",
    "--enable-expert-parallel": "engine.expertParallel",
    "--max-model-len": "engine.maxModelLen",
    "--gpu-memory-utilization": "engine.gpuMemoryPercent",
    "--device-memory-utilization": "engine.gpuMemoryPercent",
    "--max-num-seqs": "engine.maxNumSeqs",
    "--max-num-batched-tokens": "engine.maxNumBatchedTokens",
    "--dtype": "engine.dtype",
    "--quantization": "engine.quantization",
    "--kv-cache-dtype": "engine.kvCacheDtype",
    "--enable-chunked-prefill": "engine.chunkedPrefill",
    "--enforce-eager": "engine.enforceEager",
    "--speculative-config": "engine.speculative",
    "--spec-method": "engine.speculative",
    "--spec-model": "engine.speculative",
    "--spec-tokens": "engine.speculative",
    "--enable-auto-tool-choice": "engine.toolCallParser",
    "--tool-call-parser": "engine.toolCallParser",
    "--reasoning-parser": "engine.reasoningParser",
    "--chat-template": "engine.chatTemplate",
    "--shutdown-timeout": "rollout.drainSeconds",
}
"""Flags that a field of the ModelDeployment sets."""

POLICIES: Mapping[str, str] = {
    "--enable-prefix-caching": "engine.prefixCaching",
    "--kv-offloading-size": "engine.kvOffload.cpuGiB",
    "--kv-offloading-backend": "engine.kvOffload.backend",
    "--kv-transfer-config": "engine.kvOffload",
}
"""Flags that a field of a CachePolicy sets."""

ONE_POD = "one pod is one engine on one node; set `engine.dataParallelSize` or the fleet's `replicas`"
PROBES = "the operator's probes and metrics speak plain HTTP to port 8000; let the gateway or a mesh encrypt"
ADDRESS = "the operator chooses where the engine listens"
SAME_PORT = "the operator serves the OpenAI API of the Python front end on port 8000"

REFUSED: Mapping[str, str] = {
    "--model": "the model is `model.source`",
    "--config": "a file would hide flags from the fit check; write them as arguments",
    "--load-format": "the operator chooses it from `model.source`",
    "--download-dir": "set `weights.cache`",
    "--host": ADDRESS,
    "--port": ADDRESS,
    "--uds": ADDRESS,
    "--root-path": "the operator's probes and routes expect the API at /",
    "--api-key": "the operator's probes have no key; keep the engine private with its NetworkPolicy",
    "--ssl-keyfile": PROBES,
    "--ssl-certfile": PROBES,
    "--ssl-ca-certs": PROBES,
    "--ssl-cert-reqs": PROBES,
    "--ssl-ciphers": PROBES,
    "--enable-ssl-refresh": PROBES,
    "--grpc": SAME_PORT,
    "--grpc-port": SAME_PORT,
    "--tokens-only": SAME_PORT,
    "--disable-log-stats": "it removes the metrics that autoscaling and status read",
    "--disable-access-log-for-endpoints": "the operator sets it to keep probes out of the log",
    "--enable-force-include-usage": "the operator sets it",
    "--enable-prompt-tokens-details": "the operator sets it",
    "--headless": ONE_POD,
    "--nnodes": ONE_POD,
    "--node-rank": ONE_POD,
    "--master-addr": ONE_POD,
    "--master-port": ONE_POD,
    "--distributed-executor-backend": ONE_POD,
    "--worker-use-ray": ONE_POD,
    "--data-parallel-rank": ONE_POD,
    "--data-parallel-start-rank": ONE_POD,
    "--data-parallel-size-local": ONE_POD,
    "--data-parallel-address": ONE_POD,
    "--data-parallel-rpc-port": ONE_POD,
    "--data-parallel-backend": ONE_POD,
    "--data-parallel-hybrid-lb": ONE_POD,
    "--data-parallel-external-lb": ONE_POD,
    "--data-parallel-multi-port-external-lb": ONE_POD,
    "--data-parallel-supervisor-port": ONE_POD,
    "--prefill-context-parallel-size": "it multiplies the accelerators of a pod, which no field counts",
    "--help": "it ends the engine",
}
"""Flags that would break what the operator relies on."""

OWNED_FLAGS: Mapping[str, str] = MappingProxyType(
    {
        **{flag: f"use `{field}`" for flag, field in FIELDS.items()},
        **{flag: f"use `{field}` of a CachePolicy" for flag, field in POLICIES.items()},
        **REFUSED,
    }
)
"""Every flag that is not for `engine.extraArgs`, and what to do instead; its aliases and negative form go with it."""
