"""What the operator would say of a set of manifests, without a cluster."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelfleet.api.conditions import Finding
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload.cache_policies import in_force
from modelfleet.workload.plan import Plan, Refusal, Setting, plan


@dataclass(frozen=True, slots=True)
class Review:
    """One fleet as the operator would see it first."""

    fleet: ModelDeployment
    outcome: Plan | Refusal

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Return why the operator would refuse the fleet; empty where it would start it."""
        return (self.outcome.accepted,) if isinstance(self.outcome, Refusal) else ()

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Return what the operator would start with a word of warning."""
        if isinstance(self.outcome, Refusal) or self.outcome.sized.finding.status == "True":
            return ()
        return (self.outcome.sized.finding,)


def review(fleet: ModelDeployment, policies: Iterable[CachePolicy], setting: Setting) -> Review:
    """Return the review of *fleet*, with the policy among *policies* that would be in force for it."""
    near = [policy for policy in policies if policy.metadata.namespace == fleet.metadata.namespace]
    policy = in_force(near, fleet.metadata.name)
    return Review(fleet, plan(fleet, policy.spec.engine if policy else None, setting))
