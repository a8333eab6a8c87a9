"""`status` of a ModelDeployment: what is, written by the operator only."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.conditions import Condition, ConditionType, pending
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.types import Int, ListOf


class FitStatus(ApiModel):
    """The result of the fit check for the tensor-parallel size in use."""

    tensor_parallel_size: Int
    """tensorParallelSize is over how many accelerators each layer is split."""
    weights_mib_per_gpu: Annotated[Int | None, Field(alias="weightsMiBPerGpu")] = None
    """weightsMiBPerGpu is the predicted size of the weights on each accelerator, in MiB."""
    kv_cache_tokens: Int | None = None
    """kvCacheTokens is how many tokens the KV cache of one replica is predicted to hold."""
    max_concurrent_requests: Int | None = None
    """maxConcurrentRequests is how many requests of maxModelLen fit into it at once."""
    message: str = ""
    """message is the arithmetic in words."""


class CostStatus(ApiModel):
    """What the fleet costs, from the prices of the accelerator catalogue."""

    hourly_cents: Int
    """hourlyCents is the price of all live pods that have a node, in cents per hour."""


class ModelDeploymentStatus(ApiModel):
    """What is observed of a fleet."""

    observed_generation: Int | None = None
    """observedGeneration is the generation of the spec this status is about."""
    conditions: Annotated[tuple[Condition, ...], ListOf(16, keys=("type",))] = (pending(ConditionType.READY),)
    """conditions say what holds, and why."""
    replicas: Int | None = None
    """replicas is the number of live pods, loading and draining ones included."""
    ready_replicas: Int | None = None
    """readyReplicas is the number of pods that take requests."""
    desired_replicas: Int | None = None
    """desiredReplicas is the size the fleet is meant to have."""
    selector: str | None = None
    """selector is the label selector of the fleet's pods, for the scale subresource."""
    served_names: Annotated[tuple[str, ...], ListOf(128)] = ()
    """servedNames are the bare names that belong to the fleet, its adapters' included; a name stays with the fleet that has it."""
    endpoint: str | None = None
    """endpoint is the base URL of the OpenAI API of the fleet's own Service."""
    fit: FitStatus | None = None
    """fit is the result of the fit check."""
    cost: CostStatus | None = None
    """cost is what the fleet costs now."""
