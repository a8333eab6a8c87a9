"""`ModelDeployment`: one model, served by a fleet of identical replicas."""

from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.names import API_VERSION
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Bool, Int
from modelfleet.api.v1alpha1.metadata import NAME_RULE, ObjectMeta
from modelfleet.api.v1alpha1.model_deployment.autoscaling import Autoscaling
from modelfleet.api.v1alpha1.model_deployment.engine import Engine
from modelfleet.api.v1alpha1.model_deployment.hardware import Hardware
from modelfleet.api.v1alpha1.model_deployment.model import Model
from modelfleet.api.v1alpha1.model_deployment.pod import Pod
from modelfleet.api.v1alpha1.model_deployment.rollout import ZERO, Rollout
from modelfleet.api.v1alpha1.model_deployment.status import ModelDeploymentStatus
from modelfleet.api.v1alpha1.model_deployment.weights import Weights


def _keeps_one_writer(spec: "ModelDeploymentSpec") -> bool:
    cache = spec.weights.cache
    if cache is None or cache.claim is None or cache.claim.access_mode != "ReadWriteOnce":
        return True
    return spec.replicas <= 1 and spec.rollout.max_surge in (None, *ZERO) and spec.rollout.max_unavailable not in ZERO


ONE_WRITER = Rule(
    cel="!has(self.weights) || !has(self.weights.cache) || !has(self.weights.cache.claim) "
    "|| self.weights.cache.claim.accessMode != 'ReadWriteOnce' "
    "|| (self.replicas <= 1 && (!has(self.rollout.maxSurge) || self.rollout.maxSurge in [dyn(0), dyn('0%')])"
    " && !(has(self.rollout.maxUnavailable) && self.rollout.maxUnavailable in [dyn(0), dyn('0%')]))",
    holds=_keeps_one_writer,
    message=(
        "`replicas` must be at most 1, `rollout.maxSurge` 0 or absent and `rollout.maxUnavailable` not 0 while "
        "`weights.cache.claim.accessMode` is ReadWriteOnce: a second pod could not mount the claim; use ReadWriteMany"
    ),
    found=fields("replicas", "rollout.maxSurge", "rollout.maxUnavailable"),
)
OWN_NAME = Rule(
    cel="!has(self.spec.model.adapters) || has(self.spec.model.servedNames) "
    "|| self.spec.model.adapters.all(a, a.name != self.metadata.name)",
    holds=lambda kind: (
        bool(kind.spec.model.served_names)
        or kind.metadata.name not in {adapter.name for adapter in kind.spec.model.adapters}
    ),
    message="`spec.model.adapters[].name` must differ from `metadata.name` while `servedNames` is absent: the base model has that name",
    found=fields("metadata.name"),
)


class ModelDeploymentSpec(ApiModel):
    """What is served, on what, and how many times."""

    validations = (ONE_WRITER,)

    model: Model
    """model is which weights are served, and under which names."""
    engine: Engine = Engine()
    """engine is which vLLM runs, how it is split over accelerators, and with which options."""
    hardware: Hardware
    """hardware is the accelerator and the node around it."""
    weights: Weights = Weights()
    """weights is where downloaded weights and compiled kernels are kept."""
    exposure: Literal["Direct", "PolicyOnly"] | None = None
    """exposure is Direct for a fleet whose own names answer at the gateway even where a RoutePolicy names it, and PolicyOnly for one that answers only through policies. Absent means Direct until a RoutePolicy of the namespace names the fleet, and PolicyOnly from then on."""
    replicas: Annotated[Int, Field(ge=0, le=10_000)] = 1
    """replicas is the size of the fleet. Defaults to 1; `kubectl scale` sets it."""
    autoscaling: Autoscaling | None = None
    """autoscaling is between which sizes the fleet moves. Absent means that it has the size `replicas` says."""
    rollout: Rollout = Rollout()
    """rollout is how pods are replaced, and how long they may finish what they have."""
    suspend: Bool = False
    """suspend makes the operator leave the fleet alone: nothing is changed or scaled, and serving goes on. Defaults to false."""
    pod: Pod = Pod()
    """pod is what platforms add to every pod of the fleet."""


class ModelDeployment(ApiModel):
    """ModelDeployment serves one model with a fleet of identical vLLM replicas."""

    validations = (NAME_RULE, OWN_NAME)

    api_version: Literal["modelfleet.dev/v1alpha1"] = API_VERSION
    kind: Literal["ModelDeployment"] = "ModelDeployment"
    metadata: ObjectMeta
    spec: ModelDeploymentSpec
    """spec is what the fleet is meant to be."""
    status: ModelDeploymentStatus = ModelDeploymentStatus()
    """status is what is observed."""

    @property
    def served_names(self) -> tuple[str, ...]:
        """Return the bare names of the base model; the first is the metrics label."""
        return self.spec.model.served_names or (self.metadata.name,)

    @property
    def canonical_name(self) -> str:
        """Return `<namespace>/<name>`, which always means this fleet."""
        return f"{self.metadata.namespace}/{self.metadata.name}"
