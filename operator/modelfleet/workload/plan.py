"""
What a fleet's spec means on this platform: every choice its children follow, or why there is none.

A plan is refused only for what certainly cannot start. A refusal names the field, what was found and what to do.
"""

import hashlib
import ipaddress
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelfleet.api.catalogue import (
    Accelerator,
    Catalogue,
    CatalogueError,
    EngineFlags,
    EngineVersion,
    EngineVersionError,
)
from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.platform import FleetNetwork, Platform
from modelfleet.api.v1alpha1.cache_policy import EngineCache
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload import traces
from modelfleet.workload.arguments import Argument, adapters_at_once, command_line, declared, reserved_rank
from modelfleet.workload.sizing import Sized, size

SIZING_FIELDS = (
    "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "expert_parallel", "gpu_memory_percent",
    "max_model_len", "max_num_seqs", "max_num_batched_tokens", "chunked_prefill", "dtype", "quantization",
    "kv_cache_dtype", "enforce_eager", "speculative",
)  # fmt: skip
"""Fields of `engine` that the fit check looks at, and the size itself."""
CLOSED = (
    "The platform's `network.clusterCidrs` must leave addresses outside the cluster, which engines may reach, found "
    '"{}": name only the ranges of nodes, pods and Services, or set `network.enabled` to false.'
)
"""The API server refuses an `ipBlock` whose exceptions are all of it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds a fleet: the platform's choices, its catalogue, and which kinds the cluster has."""

    platform: Platform
    catalogue: Catalogue
    has_pod_monitors: bool = False


@dataclass(frozen=True, slots=True)
class KeptSize:
    """The tensor-parallel size a fleet runs with, and a digest of the inputs that justified it."""

    tensor_parallel_size: int
    inputs: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every choice the children of a fleet follow."""

    fleet: ModelDeployment
    cache: EngineCache | None
    setting: Setting
    accelerator: Accelerator
    flags: EngineFlags
    sized: Sized
    arguments: tuple[str, ...]

    @property
    def accelerators(self) -> int:
        """Return how many accelerators one pod has: TP × PP × DP."""
        engine = self.fleet.spec.engine
        return self.sized.tensor_parallel_size * engine.pipeline_parallel_size * engine.data_parallel_size

    @property
    def hourly_cents_per_pod(self) -> int:
        """Return the price of one pod for an hour, in cents, from the catalogue."""
        price = self.accelerator.hourly_cents
        is_spot = self.fleet.spec.hardware.capacity_type == "Spot"
        return self.accelerators * (price.spot if is_spot else price.on_demand)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a fleet cannot start; what runs stays as it is."""

    accepted: Finding
    fits: Finding | None = None


def plan(
    fleet: ModelDeployment, cache: EngineCache | None, setting: Setting, *, kept: KeptSize | None = None
) -> Plan | Refusal:
    """
    Return the plan of *fleet*, or why it is refused.

    *cache* is the engine part of the CachePolicy in force. *kept* is the size in use: without `tensorParallelSize` it
    stays until the user changes what justified it, whatever a newer operator or catalogue would choose.
    """
    try:
        accelerator = setting.catalogue.accelerators.find(fleet.spec.hardware.accelerator)
        version = EngineVersion.of(fleet.spec.engine.image, fleet.spec.engine.version)
    except CatalogueError as error:
        return _refused(Reason.UNKNOWN_ACCELERATOR, f"`hardware.accelerator` {error}")
    except EngineVersionError as error:
        return _refused(Reason.ENGINE_VERSION, str(error))
    if closed := _closed_range(setting.platform.network):
        return _refused(Reason.INVALID_SPEC, CLOSED.format(closed))
    in_use = kept.tensor_parallel_size if kept and kept.inputs == sizing_inputs(fleet) else None
    sized = size(fleet, accelerator, version, setting.catalogue, kept=in_use)
    if sized.is_refused and fleet.spec.engine.fit_check == "Enforce":
        return Refusal(
            Finding(ConditionType.ACCEPTED, "False", sized.finding.reason, sized.finding.message), sized.finding
        )
    flags = EngineFlags.for_version(version)
    sent_to = traces.endpoint(setting.platform, version)
    wanted = declared(fleet, cache, tensor_parallel_size=sized.tensor_parallel_size, traces_to=sent_to)
    if refusal := _refused_arguments(fleet, wanted, flags):
        return refusal
    words = tuple(command_line(fleet, wanted, has_flag=flags.has))
    return Plan(fleet, cache, setting, accelerator, flags, sized, words)


def sizing_inputs(fleet: ModelDeployment) -> str:
    """
    Return a digest of what the user declared that decides which tensor-parallel size fits.

    The engine's version is not in it: an upgrade keeps its accelerators. Defaults are left out, so that a field that a
    later version looks at changes no digest.
    """
    engine, model = fleet.spec.engine, fleet.spec.model
    inputs = {
        "model": model.model_dump(by_alias=True, include={"source", "architecture"}, exclude_defaults=True),
        "adapters": [adapters_at_once(model.adapters), reserved_rank(model.adapters)],
        "engine": engine.model_dump(by_alias=True, include=set(SIZING_FIELDS), exclude_defaults=True),
        "accelerator": fleet.spec.hardware.accelerator,
    }
    return digest(inputs)


def digest(value: Any) -> str:
    """Return a short digest of a JSON value, the same for the same content."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _closed_range(network: FleetNetwork) -> str | None:
    """Return a range of the cluster that is all addresses there are, where fleets get a NetworkPolicy."""
    ranges = network.cluster_cidrs if network.enabled else ()
    return next((cidr for cidr in ranges if not ipaddress.ip_network(cidr, strict=False).prefixlen), None)


def _refused_arguments(fleet: ModelDeployment, wanted: Sequence[Argument], flags: EngineFlags) -> Refusal | None:
    if lacking := [*_lacking(wanted, flags)]:
        return _refused(Reason.ENGINE_VERSION, " ".join(lacking))
    if problems := flags.check_extra_args(fleet.spec.engine.extra_args):
        return _refused(Reason.INVALID_SPEC, "; ".join(f"`engine.extraArgs[{p.index}]` {p.message}" for p in problems))
    return None


def _lacking(wanted: Sequence[Argument], flags: EngineFlags) -> Iterator[str]:
    """Say of each field, once, that the image's version lacks what it asks for."""
    said = set()
    for argument in wanted:
        if argument.field and argument.place not in said and (what := _lack(argument, flags)):
            said.add(argument.place)
            yield f"{argument.place} must {what}, and the image is vLLM {flags.version}."


def _lack(argument: Argument, flags: EngineFlags) -> str | None:
    if flags.has(argument.name):
        is_older = argument.since is not None and flags.version < argument.since
        return f'not be "{argument.value}": it exists from vLLM {argument.since} on' if is_older else None
    first = flags.first_version(argument.name)
    since = f"exists from vLLM {first} on" if first and first > flags.version else "no longer exists"
    return f"be absent: it needs `{argument.name}`, which {since}"


def _refused(reason: Reason, message: str) -> Refusal:
    return Refusal(Finding(ConditionType.ACCEPTED, "False", reason, message))
