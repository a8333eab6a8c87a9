"""`spec.weights`: where downloaded weights and compiled kernels are kept."""

from typing import Annotated, Literal

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, present
from modelfleet.api.schema.types import ObjectName, Quantity, text

MEMBERS = ("claim", "claimName", "ephemeral", "hostPath")


class CacheClaim(ApiModel):
    """A PersistentVolumeClaim the operator creates for the fleet."""

    size: Quantity
    """size is the claim's size, such as `200Gi`."""
    storage_class_name: ObjectName | None = None
    """storageClassName is the claim's StorageClass. Absent means the cluster's default."""
    access_mode: Literal["ReadWriteMany", "ReadWriteOnce"] = "ReadWriteMany"
    """accessMode is ReadWriteMany, or ReadWriteOnce for a fleet of one replica. Defaults to ReadWriteMany."""
    deletion_policy: Literal["Retain", "Delete"] = "Retain"
    """deletionPolicy says whether the claim outlives the fleet. Defaults to Retain: downloading weights again is slow."""


class EphemeralCache(ApiModel):
    """A cache that lives as long as its pod."""

    size_limit: Quantity | None = None
    """sizeLimit evicts a pod whose cache grows beyond it. Absent means no limit."""


class WeightsCache(ApiModel):
    """Exactly one place for weights and compiled kernels."""

    validations = (
        Rule(
            cel=f"[{', '.join(f'has(self.{member})' for member in MEMBERS)}].exists_one(present, present)",
            holds=lambda c: [c.claim, c.claim_name, c.ephemeral, c.host_path].count(None) == len(MEMBERS) - 1,
            message="exactly one of `claim`, `claimName`, `ephemeral` and `hostPath` must be set",
            found=present(*MEMBERS),
        ),
    )

    claim: CacheClaim | None = None
    """claim is a PersistentVolumeClaim the operator creates."""
    claim_name: ObjectName | None = None
    """claimName is a PersistentVolumeClaim that exists in the namespace."""
    ephemeral: EphemeralCache | None = None
    """ephemeral is an empty directory per pod: every new pod downloads again."""
    host_path: Annotated[str, text(pattern=r"^/[A-Za-z0-9._/-]+$", at_most=512)] | None = None
    """hostPath is a directory of the node, shared by the pods on it."""


class Weights(ApiModel):
    """Where weights are kept between starts."""

    cache: WeightsCache | None = None
    """cache is where downloaded weights and compiled kernels are kept. Absent means `ephemeral`."""
