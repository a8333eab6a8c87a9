"""`CachePolicy`: what is cached where, for the fleets it targets."""

from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.conditions import Condition, ConditionType, pending
from modelfleet.api.names import API_VERSION
from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields, present
from modelfleet.api.schema.types import Bool, Int, ListOf, ObjectName
from modelfleet.api.v1alpha1.headers import RequestHeader
from modelfleet.api.v1alpha1.metadata import NAME_RULE, ObjectMeta


class TargetRef(ApiModel):
    """A ModelDeployment in the same namespace."""

    name: ObjectName
    """name is the ModelDeployment's name."""


class KvOffload(ApiModel):
    """A second tier of the KV cache, in the node's memory."""

    cpu_gib: Annotated[Int, Field(ge=1, le=16_384, alias="cpuGiB")]
    """cpuGiB is how much of the node's memory one replica uses for it, in GiB; it is added to the pod's memory request."""
    backend: Literal["Native", "LMCache"] = "Native"
    """backend is who moves the blocks: vLLM itself, or LMCache inside the image. Defaults to Native."""


class EngineCache(ApiModel):
    """Caching inside the model server."""

    validations = (
        Rule(
            cel="has(self.prefixCaching) || has(self.kvOffload)",
            holds=lambda e: e.prefix_caching is not None or e.kv_offload is not None,
            message="at least one of `prefixCaching` and `kvOffload` must be set",
            found=present("prefixCaching", "kvOffload"),
        ),
    )

    prefix_caching: Bool | None = None
    """prefixCaching reuses the KV blocks of prompts that begin alike. Absent means vLLM's own default, which is on."""
    kv_offload: KvOffload | None = None
    """kvOffload keeps evicted KV blocks in the node's memory."""


DEFAULT_PREFIX_BYTES = 512
DEFAULT_SESSION_HEADER = "x-session-id"


class Affinity(ApiModel):
    """Which requests belong to the same replica, so that it has what they begin with in its cache."""

    validations = (
        Rule(
            cel=f"self.prefixBytes == {DEFAULT_PREFIX_BYTES} || self.key == 'Prefix'",
            holds=lambda a: a.prefix_bytes == DEFAULT_PREFIX_BYTES or a.key == "Prefix",
            message="`prefixBytes` must be absent unless `key` is Prefix",
            found=fields("key"),
        ),
        Rule(
            cel=f"self.sessionHeader == '{DEFAULT_SESSION_HEADER}' || self.key == 'Session'",
            holds=lambda a: a.session_header == DEFAULT_SESSION_HEADER or a.key == "Session",
            message="`sessionHeader` must be absent unless `key` is Session",
            found=fields("key"),
        ),
    )

    key: Literal["Prefix", "Session", "User"]
    """key is what they share: the Prefix of the prompt, a Session as a header names it, or their User."""
    prefix_bytes: Annotated[Int, Field(ge=64, le=65_536)] = DEFAULT_PREFIX_BYTES
    """prefixBytes is how much of the prompt counts as its prefix, in bytes. It must be shorter than what prompts have in common. Defaults to 512; only with Prefix."""
    session_header: RequestHeader = DEFAULT_SESSION_HEADER
    """sessionHeader is the header that names the session. Defaults to x-session-id; only with Session."""
    load_bound_percent: Annotated[Int, Field(ge=100, le=1000)] = 150
    """loadBoundPercent is the most load a replica takes before its requests go to others, in percent of the replicas' mean. Defaults to 150."""


class CachePolicySpec(ApiModel):
    """Which fleets, and what is cached in them."""

    validations = (
        Rule(
            cel="has(self.engine) || has(self.affinity)",
            holds=lambda s: s.engine is not None or s.affinity is not None,
            message="at least one of `engine` and `affinity` must be set",
            found=present("engine", "affinity"),
        ),
    )

    target_refs: Annotated[tuple[TargetRef, ...], ListOf(64, keys=("name",), at_least=1)]
    """targetRefs are the ModelDeployments the policy is for. Of two policies for one fleet, the older wins."""
    engine: EngineCache | None = None
    """engine is caching inside the model server."""
    affinity: Affinity | None = None
    """affinity keeps requests that begin alike on replicas that have what they begin with in their cache. It works at the gateway and replaces no pods."""


class CachePolicyStatus(ApiModel):
    """What is observed of a policy."""

    observed_generation: Int | None = None
    """observedGeneration is the generation of the spec this status is about."""
    conditions: Annotated[tuple[Condition, ...], ListOf(16, keys=("type",))] = (pending(ConditionType.READY),)
    """conditions say what holds, and why."""


class CachePolicy(ApiModel):
    """CachePolicy declares what is cached where, for the fleets it targets."""

    validations = (NAME_RULE,)

    api_version: Literal["modelfleet.dev/v1alpha1"] = API_VERSION
    kind: Literal["CachePolicy"] = "CachePolicy"
    metadata: ObjectMeta
    spec: CachePolicySpec
    """spec is what is cached where."""
    status: CachePolicyStatus = CachePolicyStatus()
    """status is what is observed."""
