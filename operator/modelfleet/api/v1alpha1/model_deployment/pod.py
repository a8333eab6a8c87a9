"""`spec.pod`: what platforms add to every pod of a fleet."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.names import GROUP
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.patterns import matches
from modelfleet.api.schema.rules import Checked, Rule, each, present
from modelfleet.api.schema.types import Bool, FreeObject, ListOf, ObjectName, StringMap, text

OWN_LABELS = ("app.kubernetes.io/managed-by", "app.kubernetes.io/name")
NOT_OURS = Rule(
    cel=f"self.all(key, !key.startsWith('{GROUP}/') && !(key in {list(OWN_LABELS)}))",
    holds=lambda labels: not any(key.startswith(f"{GROUP}/") or key in OWN_LABELS for key in labels),
    message=f"keys must not start with {GROUP}/ nor be {' or '.join(OWN_LABELS)}: the operator sets them",
    found=each(
        f"self.filter(key, key.startsWith('{GROUP}/') || key in {list(OWN_LABELS)})",
        lambda labels: [key for key in labels if key.startswith(f"{GROUP}/") or key in OWN_LABELS],
    ),
)
OWN_VOLUMES = "^(adapter-[0-9]+|cache|draft|model|shm|tmp)$"
OWN_PATHS = "^(/cache|/dev/shm|/tmp|/models(/.*)?)$"


class LocalObjectRef(ApiModel):
    """An object in the same namespace."""

    name: ObjectName
    """name is the object's name."""


class VolumeMount(ApiModel):
    """Where a volume of `pod.volumes` appears in the engine's container."""

    name: Annotated[str, text(at_most=63)]
    """name is a volume of `pod.volumes`."""
    mount_path: Annotated[str, text(pattern=r"^/[^:]*$", at_most=512)]
    """mountPath is where it appears."""
    sub_path: Annotated[str, text(at_most=512)] | None = None
    """subPath is the part of the volume that appears there."""
    read_only: Bool | None = None
    """readOnly forbids writing to it. Absent means it may be written."""


class EnvironmentSource(ApiModel):
    """All entries of a ConfigMap or Secret as environment variables."""

    validations = (
        Rule(
            cel="has(self.configMapRef) != has(self.secretRef)",
            holds=lambda s: (s.config_map_ref is None) != (s.secret_ref is None),
            message="exactly one of `configMapRef` and `secretRef` must be set",
            found=present("configMapRef", "secretRef"),
        ),
    )

    prefix: Annotated[str, text(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", at_most=64)] | None = None
    """prefix is put before every name."""
    config_map_ref: LocalObjectRef | None = None
    """configMapRef is the ConfigMap."""
    secret_ref: LocalObjectRef | None = None
    """secretRef is the Secret, such as one with credentials for a bucket."""


class Volume(ApiModel, extra="allow"):
    """A volume, as in Kubernetes."""

    name: Annotated[str, text(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", at_most=63)]
    """name is the volume's name."""


class Pod(ApiModel):
    """What platforms add to every pod of the fleet."""

    validations = (
        Rule(
            cel="!has(self.volumeMounts) || self.volumeMounts.all(m, has(self.volumes) && self.volumes.exists(v, v.name == m.name))",
            holds=lambda p: {m.name for m in p.volume_mounts} <= {v.name for v in p.volumes},
            message="`volumeMounts[].name` must be the name of one of `volumes`",
            found=each(
                "self.volumeMounts.filter(m, !has(self.volumes) || !self.volumes.exists(v, v.name == m.name)).map(m, m.name)",
                lambda p: [m.name for m in p.volume_mounts if m.name not in {v.name for v in p.volumes}],
            ),
        ),
        Rule(
            cel=f"!has(self.volumes) || self.volumes.all(v, !v.name.matches('{OWN_VOLUMES}'))",
            holds=lambda p: not any(matches(OWN_VOLUMES, v.name) for v in p.volumes),
            message="`volumes[].name` must not be cache, draft, model, shm, tmp or adapter-<number>: the operator's own volumes have these names",
            found=each(
                f"self.volumes.filter(v, v.name.matches('{OWN_VOLUMES}')).map(v, v.name)",
                lambda p: [v.name for v in p.volumes if matches(OWN_VOLUMES, v.name)],
            ),
        ),
        Rule(
            cel=f"!has(self.volumeMounts) || self.volumeMounts.all(m, !m.mountPath.matches('{OWN_PATHS}'))",
            holds=lambda p: not any(matches(OWN_PATHS, m.mount_path) for m in p.volume_mounts),
            message="`volumeMounts[].mountPath` must not be /cache, /dev/shm, /tmp, nor /models or below it: the operator mounts its own volumes there",
            found=each(
                f"self.volumeMounts.filter(m, m.mountPath.matches('{OWN_PATHS}')).map(m, m.mountPath)",
                lambda p: [m.mount_path for m in p.volume_mounts if matches(OWN_PATHS, m.mount_path)],
            ),
        ),
    )

    labels: Annotated[StringMap, Checked((NOT_OURS,))] = Field(default_factory=dict)
    """labels are added to the pods."""
    annotations: Annotated[StringMap, Checked((NOT_OURS,))] = Field(default_factory=dict)
    """annotations are added to the pods."""
    service_account_name: ObjectName | None = None
    """serviceAccountName is an existing ServiceAccount. Absent means one the operator creates for the fleet, without a token."""
    image_pull_secrets: Annotated[tuple[LocalObjectRef, ...], ListOf(16, keys=("name",))] = ()
    """imagePullSecrets are Secrets for the engine's image."""
    volumes: Annotated[tuple[Volume, ...], ListOf(32, keys=("name",))] = ()
    """volumes are further volumes, as in Kubernetes."""
    volume_mounts: Annotated[tuple[VolumeMount, ...], ListOf(32, keys=("mountPath",))] = ()
    """volumeMounts mount them into the engine's container."""
    env_from: Annotated[tuple[EnvironmentSource, ...], ListOf(16)] = ()
    """envFrom are ConfigMaps and Secrets whose entries become environment variables, such as credentials for buckets."""
    affinity: FreeObject | None = None
    """affinity is the pods' affinity, as in Kubernetes."""
    topology_spread_constraints: Annotated[tuple[FreeObject, ...], ListOf(8)] = ()
    """topologySpreadConstraints replace the default, which spreads pods over nodes where it can. One without a labelSelector is about the fleet's pods."""
    scheduler_name: ObjectName | None = None
    """schedulerName is the scheduler to use. Absent means the cluster's default."""
    security_context: FreeObject | None = None
    """securityContext is merged over the pod's own, which is restricted. Set `runAsUser: 0` for images that need root."""
