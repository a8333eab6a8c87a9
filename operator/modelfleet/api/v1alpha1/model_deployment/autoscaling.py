"""`spec.autoscaling`: between which sizes a fleet moves, what it aims at, and what happens while it has no replicas."""

from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Int


class Targets(ApiModel):
    """What one replica is meant to carry."""

    queue_depth_per_replica: Annotated[Int, Field(ge=1, le=10_000)] = 4
    """queueDepthPerReplica is how many requests may wait in a replica beside those that run; beyond it the gateway tries another. Defaults to 4, which also holds without `autoscaling`."""


class ScaleToZero(ApiModel):
    """What happens to requests while the fleet has no replicas."""

    hold_seconds: Annotated[Int, Field(ge=1, le=3600)] = 300
    """holdSeconds is how long a request is held for a replica before it fails with 503. Defaults to 300."""
    while_waking: Literal["Hold", "Fallback"] = "Hold"
    """whileWaking holds requests until a replica is ready, or sends them on to the fallback of their rule at once. Defaults to Hold."""


class Autoscaling(ApiModel):
    """Between which sizes the fleet moves."""

    validations = (
        Rule(
            cel="self.minReplicas <= self.maxReplicas",
            holds=lambda a: a.min_replicas <= a.max_replicas,
            message="`minReplicas` must be at most `maxReplicas`",
            found=fields("minReplicas", "maxReplicas"),
        ),
        Rule(
            cel="has(self.scaleToZero) == (self.minReplicas == 0)",
            holds=lambda a: (a.scale_to_zero is not None) == (a.min_replicas == 0),
            message="`scaleToZero` must be set, if only to {}, exactly when `minReplicas` is 0",
            found=fields("minReplicas"),
        ),
    )

    min_replicas: Annotated[Int, Field(ge=0, le=10_000)] = 1
    """minReplicas is the smallest size. Defaults to 1. With 0, requests are held while the fleet has no replicas, as `scaleToZero` says."""
    max_replicas: Annotated[Int, Field(ge=1, le=10_000)]
    """maxReplicas is the largest size."""
    mode: Literal["Advisory"]
    """mode is Advisory: `replicas` is the size, and `kubectl scale` sets it, beyond the bounds too."""
    targets: Targets = Targets()
    """targets is what one replica is meant to carry."""
    scale_to_zero: ScaleToZero | None = None
    """scaleToZero is what happens to requests while the fleet has no replicas. Set exactly when minReplicas is 0."""
