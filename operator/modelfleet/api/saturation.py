"""When a pod has as many requests as it can use; the gateway and the scaler ask the same functions."""

from modelfleet.api.catalogue import CatalogueError, EngineVersion, EngineVersionError
from modelfleet.api.catalogue.accelerators import AcceleratorCatalogue
from modelfleet.api.catalogue.batching import FEWEST_REQUESTS, default_batching
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment

DEFAULT_QUEUE_DEPTH = 4
"""Requests that may wait in a pod of a fleet without `autoscaling`, which is the default of its target too."""


def requests_per_pod(fleet: ModelDeployment, accelerators: AcceleratorCatalogue) -> int:
    """
    Return how many requests saturate one pod of *fleet*: those that run at once, and those that may wait.

    vLLM schedules `maxNumSeqs` in each data-parallel rank, so a pod runs that many times its ranks.
    """
    return running_per_rank(fleet, accelerators) * fleet.spec.engine.data_parallel_size + queue_depth(fleet)


def gateway_share(requests: int, gateway_replicas: int) -> int:
    """Return how many of *requests* one of *gateway_replicas* may send to a pod, rounded up; at least 1."""
    return max(1, -(-requests // max(1, gateway_replicas)))


def running_per_rank(fleet: ModelDeployment, accelerators: AcceleratorCatalogue) -> int:
    """
    Return how many requests one rank runs at once: `maxNumSeqs`, or vLLM's default for the accelerator.

    Where the accelerator or the version is unknown it is the smallest of vLLM's defaults: a pod then counts as
    saturated too early, never too late.
    """
    engine = fleet.spec.engine
    if engine.max_num_seqs is not None:
        return engine.max_num_seqs
    try:
        accelerator = accelerators.find(fleet.spec.hardware.accelerator)
        tokens, requests = default_batching(accelerator, EngineVersion.of(engine.image, engine.version))
    except (CatalogueError, EngineVersionError):
        return FEWEST_REQUESTS
    return min(requests, engine.max_num_batched_tokens or tokens)


def queue_depth(fleet: ModelDeployment) -> int:
    """Return how many requests may wait in one pod: `autoscaling.targets.queueDepthPerReplica`."""
    autoscaling = fleet.spec.autoscaling
    return autoscaling.targets.queue_depth_per_replica if autoscaling else DEFAULT_QUEUE_DEPTH
