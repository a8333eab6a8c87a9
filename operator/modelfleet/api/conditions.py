"""Conditions: their types, their reasons with one sentence each, and how a list of them changes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.types import Int

MAX_MESSAGE_LENGTH = 4096
NEVER = "1970-01-01T00:00:00Z"
Status = Literal["True", "False", "Unknown"]


class ConditionType(StrEnum):
    """What a condition is about; borrowed from Deployment, Gateway API, HorizontalPodAutoscaler and kstatus."""

    READY = "Ready"
    """The summary: accepted, the current template serves, and at least one replica is ready."""
    ACCEPTED = "Accepted"
    """The spec is valid and the operator acts on it."""
    NAMES_ACCEPTED = "NamesAccepted"
    """Every served name belongs to this fleet."""
    FITS = "Fits"
    """The model fits on the accelerators."""
    AVAILABLE = "Available"
    """At least one replica is ready."""
    PROGRESSING = "Progressing"
    """The fleet moves towards what the spec says, or has arrived."""
    ABLE_TO_SCALE = "AbleToScale"
    """The operator owns the size of the fleet's Deployment."""
    RESOLVED_REFS = "ResolvedRefs"
    """Every object that is named exists."""
    PROGRAMMED = "Programmed"
    """Every connected gateway has acknowledged what the object says."""
    RECONCILING = "Reconciling"
    """kstatus: work is going on."""
    STALLED = "Stalled"
    """kstatus: nothing moves until somebody changes something."""


class Reason(StrEnum):
    """Why; the same word in the condition, in the Event and in the tests."""

    ACCEPTED = "Accepted"
    """The spec is valid."""
    ASLEEP = "Asleep"
    """The fleet's size is 0, as asked."""
    CHILD_REFUSED = "ChildRefused"
    """The API server refused a child of this object; the message is the server's."""
    CONFLICT = "Conflict"
    """An older object claims the same."""
    CONTAINER_CONFIG = "ContainerConfigError"
    """A pod cannot start because a Secret, ConfigMap or key it names is missing."""
    CRASH_LOOP = "CrashLoop"
    """The engine ends again and again; the message holds its last log line."""
    DOES_NOT_DIVIDE = "DoesNotDivide"
    """The tensor-parallel size does not divide the model's heads, layers or quantization blocks as vLLM requires."""
    DUPLICATE_KEY = "DuplicateKey"
    """Two users have the same API key; it counts as that of the older Secret, then of the first by name."""
    ENGINE_REJECTS_ALIAS = "EngineRejectsAlias"
    """The engine of a backend answers only to its own names, since its vLLM is too old for a policy's."""
    ENGINE_VERSION = "EngineVersion"
    """The vLLM version is unknown or lacks something the spec asks for."""
    FITS = "Fits"
    """The weights and one request of maxModelLen fit, with room to spare."""
    FOREIGN_SCALER = "ForeignScaler"
    """Somebody else sets the size of the fleet's Deployment."""
    GATED_MODEL = "GatedModel"
    """The hub refuses the model without a token that may read it."""
    HOST_NOT_ALLOWED = "HostNotAllowed"
    """The platform does not allow a host outside the cluster that is named."""
    IMAGE_PULL = "ImagePull"
    """The engine's image cannot be pulled."""
    INVALID_OPTIONS = "InvalidOptions"
    """vLLM refuses the combination of options, whatever the size."""
    INVALID_SECRET = "InvalidSecret"  # noqa: S105 (a word, not a secret)
    """A Secret is of another type, or what it holds cannot be used; the message says which entry."""
    INVALID_SPEC = "InvalidSpec"
    """The spec is not valid; what runs stays as it was."""
    JWKS_UNREACHABLE = "JwksUnreachable"
    """The keys that verify tokens cannot be fetched."""
    KEEP_IN_CLUSTER = "KeepInCluster"
    """A rule that keeps requests in the cluster names a backend outside."""
    LOADING = "Loading"
    """Replicas load their weights."""
    NAME_TAKEN = "NameTaken"
    """An object that does not belong to this fleet has the name of one of its children."""
    NO_GATEWAY = "NoGateway"
    """No gateway is connected to the operator."""
    NO_ROOM_FOR_CACHE = "NoRoomForCache"
    """The weights fit, but a request of maxModelLen does not fit into what is left."""
    NO_REPLICAS = "NoReplicas"
    """The fleet's size is 0."""
    NOT_ACKNOWLEDGED = "NotAcknowledged"
    """A connected gateway has not acknowledged the latest change yet."""
    OPERATOR_UPDATE_PENDING = "OperatorUpdatePending"
    """A new operator or catalogue would change the pods; it waits for its turn."""
    OUT_OF_MEMORY = "OutOfMemory"
    """The engine ran out of accelerator memory, or the container out of memory."""
    OWNED = "Owned"
    """The operator owns the size."""
    PENDING = "Pending"
    """Nothing was looked at yet."""
    PROGRAMMED = "Programmed"
    """Every connected gateway works by the latest change."""
    QUOTA_EXCEEDED = "QuotaExceeded"
    """Pods cannot be created, as the Deployment reports."""
    REF_NOT_FOUND = "RefNotFound"
    """An object that is named does not exist."""
    REJECTED_BY_GATEWAY = "RejectedByGateway"
    """Envoy refused what was made of the object; the gateway goes on with the last it took. The message is Envoy's."""
    REVISION_NOT_PINNED = "RevisionNotPinned"
    """The weights may change under a running fleet, because no revision is named."""
    ROLLING_OUT = "RollingOut"
    """Pods are being replaced."""
    SECRET_NAMESPACE_NOT_LISTED = "SecretNamespaceNotListed"  # noqa: S105 (a word, not a secret)
    """The operator may not read Secrets in this namespace; the platform lists those where it may."""
    SECRETS_UNREAD = "SecretsUnread"
    """The Secrets of the namespace cannot be read now; the gateways go on with the keys that they know."""
    SERVING = "Serving"
    """Replicas are ready and the current template serves."""
    STABLE = "Stable"
    """Nothing is left to do."""
    SUSPENDED = "Suspended"
    """The operator leaves the fleet alone, as `suspend` says."""
    TARGET_NOT_FOUND = "TargetNotFound"
    """A target does not exist."""
    TIGHT_FIT = "TightFit"
    """It may or may not fit; the fleet starts and the engine decides."""
    TOO_LARGE = "TooLarge"
    """The weights alone are larger than the memory the engine may use."""
    TOO_MANY_GPUS = "TooManyGpus"
    """The pod would need more accelerators than a node has."""
    UNKNOWN_ACCELERATOR = "UnknownAccelerator"
    """The accelerator is not in the catalogue."""
    UNKNOWN_MODEL = "UnknownModel"
    """The model's architecture is not known, so that its fit cannot be checked."""
    UNSCHEDULABLE = "Unschedulable"
    """The scheduler finds no node; the message holds its reason."""


class Condition(ApiModel):
    """One observation, in the shape of Kubernetes' metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    """type is what the condition is about."""
    status: Status
    """status is True, False or Unknown."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """reason is one CamelCase word that says why."""
    message: Annotated[str, Field(max_length=32_768)] = ""
    """message is for people: the field, what was found, what to do."""
    observed_generation: Int | None = None
    """observedGeneration is the generation of the spec the condition was set for."""
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """lastTransitionTime is when status last changed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition without its times: what pure functions return."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str = ""


def timestamp(now: datetime) -> str:
    """Return *now* in the format of Kubernetes, in seconds and UTC."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(
    previous: Iterable[Condition],
    findings: Iterable[Finding],
    *,
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """
    Return the conditions for *findings*, in their order.

    `lastTransitionTime` is kept where the status did not change. Types that are no longer found disappear.
    """
    before = {condition.type: condition for condition in previous}
    return tuple(_condition(finding, before.get(finding.type), generation, now) for finding in findings)


def _condition(finding: Finding, before: Condition | None, generation: int, now: datetime) -> Condition:
    unchanged = before is not None and before.status == finding.status and before.last_transition_time != NEVER
    return Condition(
        type=finding.type.value,
        status=finding.status,
        reason=finding.reason.value,
        message=finding.message[:MAX_MESSAGE_LENGTH],
        observed_generation=generation,
        last_transition_time=before.last_transition_time if before and unchanged else timestamp(now),
    )


def pending(condition_type: ConditionType) -> Condition:
    """Return the condition the schema gives to an object nobody has looked at yet."""
    return Condition(
        type=condition_type.value,
        status="Unknown",
        reason=Reason.PENDING.value,
        message="Waiting for the operator.",
        last_transition_time=NEVER,
    )
