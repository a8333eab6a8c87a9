"""How a pod ends and is replaced: the arithmetic of draining, and the Deployment's strategy."""

from typing import Any

from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.model_deployment.rollout import ZERO

PROPAGATION_SECONDS = 5
"""From a pod's deletion until no proxy sends it new requests; the engine is told to stop only then."""
TEARDOWN_SECONDS = 15
"""From the end of the last request until the process is gone: three times the 4–5 s measured on vLLM 0.32."""
SPOT_NOTICE_SECONDS = 120
"""Notice before an interruptible node is taken away: EC2's. Where a cloud gives less, set `drainSeconds` lower."""


def drain_seconds(fleet: ModelDeployment) -> int:
    """Return for how long a pod may finish its requests, in seconds; on spot nodes at most what the notice leaves."""
    asked = fleet.spec.rollout.drain_seconds
    if fleet.spec.hardware.capacity_type == "Spot":
        return min(asked, SPOT_NOTICE_SECONDS - PROPAGATION_SECONDS - TEARDOWN_SECONDS)
    return asked


def grace_period_seconds(fleet: ModelDeployment) -> int:
    """Return `terminationGracePeriodSeconds`: propagation, drain and tear-down in sequence."""
    return PROPAGATION_SECONDS + drain_seconds(fleet) + TEARDOWN_SECONDS


def strategy(fleet: ModelDeployment) -> dict[str, Any]:
    """
    Return the Deployment's strategy.

    One replica is replaced by a second one first, which needs a spare accelerator; larger fleets and claims that only
    one pod can mount give up a pod before they start its successor.
    """
    surge, unavailable = fleet.spec.rollout.max_surge, fleet.spec.rollout.max_unavailable
    surges_by_default = fleet.spec.replicas <= 1 and not _has_one_writer(fleet)
    if surge is None:
        surge = 1 if unavailable in ZERO else int(surges_by_default and unavailable is None)
    if unavailable is None:
        unavailable = int(surge in ZERO)
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def _has_one_writer(fleet: ModelDeployment) -> bool:
    cache = fleet.spec.weights.cache
    return cache is not None and cache.claim is not None and cache.claim.access_mode == "ReadWriteOnce"
