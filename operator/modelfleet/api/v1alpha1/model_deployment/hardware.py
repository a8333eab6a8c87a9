"""`spec.hardware`: what a pod of the fleet runs on."""

from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Int, Label, ListOf, ObjectName, Quantity, StringMap, text


class Toleration(ApiModel):
    """A taint the pods accept, as in Kubernetes."""

    validations = (
        Rule(
            cel="!has(self.operator) || self.operator != 'Exists' || !has(self.value)",
            holds=lambda t: t.operator != "Exists" or t.value is None,
            message="`value` must be absent when `operator` is Exists",
            found=fields("value"),
        ),
        Rule(
            cel="has(self.key) || (has(self.operator) && self.operator == 'Exists')",
            holds=lambda t: t.key is not None or t.operator == "Exists",
            message="`operator` must be Exists when `key` is absent",
            found=fields("operator"),
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            holds=lambda t: t.toleration_seconds is None or t.effect == "NoExecute",
            message="`tolerationSeconds` must be absent unless `effect` is NoExecute",
            found=fields("effect"),
        ),
    )

    key: Annotated[str, text(at_most=317)] | None = None
    """key is the taint's key. Absent with operator Exists means every taint."""
    operator: Literal["Exists", "Equal"] | None = None
    """operator compares the taint's value: Equal (the default) or Exists."""
    value: Annotated[str, text(at_least=0, at_most=63)] | None = None
    """value is the taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """effect is the taint's effect. Absent means every effect."""
    toleration_seconds: Annotated[Int, Field(ge=0, le=1_000_000_000)] | None = None
    """tolerationSeconds is how long a pod stays after a NoExecute taint appears. Absent means for ever."""


class Hardware(ApiModel):
    """The accelerator and the node around it."""

    accelerator: Label
    """accelerator is a name from the accelerator catalogue, such as `nvidia-h100-80gb`."""
    capacity_type: Literal["OnDemand", "Spot"] = "OnDemand"
    """capacityType is OnDemand, or Spot for interruptible nodes: tolerations and labels from the catalogue, and a drain that fits the notice. Defaults to OnDemand."""
    node_selector: StringMap = Field(default_factory=dict)
    """nodeSelector are labels a node must have, besides the accelerator's own."""
    tolerations: Annotated[tuple[Toleration, ...], ListOf(32)] = ()
    """tolerations are taints the pods accept, besides the accelerator's own."""
    priority_class_name: ObjectName | None = None
    """priorityClassName is the pods' PriorityClass."""
    runtime_class_name: ObjectName | None = None
    """runtimeClassName is the pods' RuntimeClass, such as `nvidia`."""
    cpu: Quantity | None = None
    """cpu is the CPU request of one pod. Absent means the catalogue's share per accelerator, if it has one."""
    memory: Quantity | None = None
    """memory is the memory request of one pod, shared memory included; KV offload is added to it. Absent means the catalogue's share per accelerator, if it has one."""
    shared_memory: Quantity | None = None
    """sharedMemory is the size of /dev/shm. Absent means a size from the number of accelerators."""
