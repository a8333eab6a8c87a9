"""What the cluster shows of a fleet, reduced to what its status is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelfleet.api.names import TEMPLATE_HASH_ANNOTATION, TEMPLATE_HASH_LABEL, TRAFFIC_LABEL, TRAFFIC_SERVING
from modelfleet.workload.status.failures import Failure, Pod, is_live, is_ready, is_unschedulable, worst_failure


@dataclass(frozen=True)
class Observed:
    """The Deployment and the pods of a fleet, as last seen."""

    deployment: Mapping[str, Any] | None
    pods: Sequence[Pod]
    last_words: Mapping[str, str]
    """Of pods whose engine crashed, by pod name."""

    @cached_property
    def live(self) -> tuple[Pod, ...]:
        """Return the pods that count."""
        return tuple(pod for pod in self.pods if is_live(pod))

    @cached_property
    def ready(self) -> int:
        """Return how many live pods are ready and take requests."""
        in_traffic = (pod for pod in self.live if pod["metadata"]["labels"].get(TRAFFIC_LABEL) == TRAFFIC_SERVING)
        return sum(is_ready(pod) for pod in in_traffic)

    @cached_property
    def placed(self) -> int:
        """Return how many live pods have a node, and so cost something."""
        return sum(not is_unschedulable(pod) for pod in self.live)

    @cached_property
    def failure(self) -> Failure | None:
        """Return why a live pod does not serve, if one does not."""
        return worst_failure(self.live, self.last_words)

    @property
    def replicas(self) -> int:
        """Return the size of the Deployment, 0 while there is none."""
        return int(self.deployment["spec"].get("replicas", 1)) if self.deployment else 0

    @property
    def is_current(self) -> bool:
        """
        Return whether every pod has the Deployment's latest template.

        Its controller says so, once it saw the latest spec. Until then the pods do, or else every new size would look
        like a new template for a moment.
        """
        if self.deployment is None:
            return False
        meta, status = self.deployment["metadata"], self.deployment.get("status") or {}
        if status.get("observedGeneration", 0) >= meta.get("generation", 0):
            return bool(status.get("updatedReplicas", 0) == status.get("replicas", 0))
        latest = (meta.get("annotations") or {}).get(TEMPLATE_HASH_ANNOTATION)
        made_from = {pod["metadata"]["labels"].get(TEMPLATE_HASH_LABEL) for pod in self.live}
        return latest is not None and made_from <= {latest}

    def deployment_condition(self, condition_type: str) -> Mapping[str, Any] | None:
        """Return a condition of the Deployment, or None."""
        conditions = ((self.deployment or {}).get("status") or {}).get("conditions") or ()
        return next((condition for condition in conditions if condition["type"] == condition_type), None)
