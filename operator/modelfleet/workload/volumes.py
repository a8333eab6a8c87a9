"""The writable paths a read-only engine needs, and the volumes its weights come from."""

from collections.abc import Iterator
from typing import Any

from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload.arguments import adapter_sources, draft_source, model_source
from modelfleet.workload.plan import Plan
from modelfleet.workload.sources import Source

CACHE_PATH = "/cache"
SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 (inside the engine's container)
SCRATCH_PATH = "/tmp"  # noqa: S108 (inside the engine's container)

SHARED_MEMORY_BASE_MIB = 1024
SHARED_MEMORY_MIB_PER_ACCELERATOR = 1024
"""vLLM 0.32 with TP 2 reserves 1.1 GB of shared memory, and NCCL takes more per peer; Kubernetes gives 64 MiB."""

Volume = dict[str, Any]


def claim_name(fleet: ModelDeployment) -> str | None:
    """Return the claim that holds the fleet's cache, or None."""
    cache = fleet.spec.weights.cache
    if cache is None:
        return None
    return f"{fleet.metadata.name}-cache" if cache.claim else cache.claim_name


def volumes(plan: Plan) -> list[Volume]:
    """Return the pod's volumes."""
    users = [volume.model_dump(by_alias=True, exclude_none=True) for volume in plan.fleet.spec.pod.volumes]
    sources = [source.volume for source in _sources(plan.fleet) if source.volume]
    return [_cache(plan.fleet), _shared_memory(plan), {"name": "tmp", "emptyDir": {}}, *sources, *users]


def mounts(plan: Plan) -> list[dict[str, Any]]:
    """Return the `volumeMounts` of the engine's container."""
    users = [mount.model_dump(by_alias=True, exclude_none=True) for mount in plan.fleet.spec.pod.volume_mounts]
    return [
        {"name": "cache", "mountPath": CACHE_PATH},
        {"name": "shm", "mountPath": SHARED_MEMORY_PATH},
        {"name": "tmp", "mountPath": SCRATCH_PATH},
        *(source.mount for source in _sources(plan.fleet) if source.mount),
        *users,
    ]


def _cache(fleet: ModelDeployment) -> Volume:
    cache = fleet.spec.weights.cache
    if claim := claim_name(fleet):
        return {"name": "cache", "persistentVolumeClaim": {"claimName": claim}}
    if cache and cache.host_path:
        # `Directory` and not `DirectoryOrCreate`: the kubelet would create it for root, and the engine is not root.
        return {"name": "cache", "hostPath": {"path": cache.host_path, "type": "Directory"}}
    limit = cache.ephemeral.size_limit if cache and cache.ephemeral else None
    return {"name": "cache", "emptyDir": {} if limit is None else {"sizeLimit": str(limit)}}


def _shared_memory(plan: Plan) -> Volume:
    mib = SHARED_MEMORY_BASE_MIB + SHARED_MEMORY_MIB_PER_ACCELERATOR * (plan.accelerators - 1)
    size = plan.fleet.spec.hardware.shared_memory
    return {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{mib}Mi" if size is None else str(size)}}


def _sources(fleet: ModelDeployment) -> Iterator[Source]:
    yield model_source(fleet)
    if (speculative := fleet.spec.engine.speculative) and (draft := draft_source(speculative)):
        yield draft
    yield from adapter_sources(fleet.spec.model.adapters)
