"""From a ModelDeployment to what a simulation is made of: the engine's pace, the fleet, and what its owner asks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from modelfleet.api.catalogue import Accelerator
from modelfleet.api.saturation import running_per_rank
from modelfleet.api.v1alpha1.architecture import Architecture
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.scaling import ScalingPolicy, Slo, Targets
from modelfleet.scaling.simulation.fleet import ColdStart, FleetModel
from modelfleet.scaling.simulation.profile import EngineProfile, Hardware, ModelSize, estimated_profile
from modelfleet.workload.plan import Plan, Setting
from modelfleet.workload.sizing import architecture_of

USUAL_SLO = Slo(time_to_first_token_seconds=2.0, inter_token_seconds=0.066)
"""What a run is scored with when nobody says: the defaults of the kind."""
COLD_START_SECONDS = 120.0
COLD_START_SECONDS_PARALLEL = 240.0
"""With more than one accelerator; 60 to 300 s were seen for 8B, 120 to 300 s for 70B."""
_UNKNOWN_MODEL = Architecture(
    parameters_millions=8030, layers=32, hidden_size=4096, heads=32, kv_heads=8, head_dim=128, vocab_size=128_256,
    max_position_embeddings=131_072,
)  # fmt: skip
"""Taken for a model that nobody describes: Llama 3.1 8B."""

_TERA = 1e12
_MIB = 1024 * 1024
_DATA_SHEETS = {
    "a10-24gb": (0.6, 125),
    "l4-24gb": (0.3, 121),
    "l40s-48gb": (0.864, 362),
    "a100-40gb": (1.555, 312),
    "a100-80gb": (2.039, 312),
    "h20-96gb": (4.0, 148),
    "h100-80gb": (3.35, 989),
    "h200-141gb": (4.8, 989),
    "b200-180gb": (8.0, 2250),
    "b300-288gb": (8.0, 2250),
    "rtx-3090-24gb": (0.936, 71),
    "rtx-4090-24gb": (1.008, 165),
    "rtx-5090-32gb": (1.792, 210),
    "rtx-pro-6000-96gb": (1.792, 503),
    "mi300x-192gb": (5.3, 1307),
    "mi325x-256gb": (6.0, 1307),
}
"""Bytes of memory and dense 16-bit operations a second, in units of 10^12, from the makers' data sheets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFleet:
    """What is simulated, and what of it is an assumption."""

    model: FleetModel
    policy: ScalingPolicy | None
    """None for a fleet of a fixed size."""
    slo: Slo
    assumptions: tuple[str, ...]


def simulated_fleet(
    planned: Plan, setting: Setting, *, slo: Slo | None, cold_start_seconds: float | None, seed: int
) -> SimulatedFleet:
    """Return *planned* as a simulation sees it; *slo* and *cold_start_seconds* replace what is declared or usual."""
    fleet = planned.fleet
    profile, assumptions = _profile(planned, setting)
    autoscaling = _declared(fleet)
    usual = COLD_START_SECONDS if planned.accelerators == 1 else COLD_START_SECONDS_PARALLEL
    asked = slo or _slo(autoscaling)
    model = FleetModel(
        profile=profile,
        cold_start=ColdStart(mean_seconds=cold_start_seconds or usual),
        max_replicas=autoscaling.get("maxReplicas", fleet.spec.replicas),
        first_size=max(fleet.spec.replicas, autoscaling.get("minReplicas", 0)),
        queue_depth_per_replica=_targets(autoscaling).queue_depth_per_replica,
        hourly_cents_per_gpu=planned.hourly_cents_per_pod // planned.accelerators,
        seed=seed,
    )
    policy = _policy(autoscaling, asked, profile, float(planned.sized.startup_seconds)) if autoscaling else None
    return SimulatedFleet(model=model, policy=policy, slo=asked or USUAL_SLO, assumptions=assumptions)


def _declared(fleet: ModelDeployment) -> Mapping[str, Any]:
    autoscaling = fleet.spec.autoscaling
    return autoscaling.model_dump(by_alias=True, exclude_none=True) if autoscaling else {}


def _policy(
    autoscaling: Mapping[str, Any], slo: Slo | None, profile: EngineProfile, startup_seconds: float
) -> ScalingPolicy:
    """Return what is declared; an Advisory scaler is simulated as if it acted."""
    optional: dict[str, tuple[str, str]] = {
        "scale_up_percent_per_minute": ("scaleUp", "maxPercentPerMinute"),
        "scale_down_percent_per_minute": ("scaleDown", "maxPercentPerMinute"),
        "scale_down_stabilization_seconds": ("scaleDown", "stabilizationSeconds"),
        "idle_seconds": ("scaleToZero", "idleSeconds"),
    }
    given = {field: autoscaling.get(group, {}).get(key) for field, (group, key) in optional.items()}
    if autoscaling["minReplicas"] == 0:
        given["idle_seconds"] = given["idle_seconds"] or 900
    return ScalingPolicy(
        min_replicas=autoscaling["minReplicas"],
        max_replicas=autoscaling["maxReplicas"],
        targets=_targets(autoscaling),
        slo=slo,
        running_per_replica=profile.sequences,
        start_up_seconds=startup_seconds,
        **{field: value for field, value in given.items() if value is not None},
    )


def _targets(autoscaling: Mapping[str, Any]) -> Targets:
    targets = autoscaling.get("targets", {})
    return Targets(
        queue_depth_per_replica=targets.get("queueDepthPerReplica", 4),
        kv_cache_percent=targets.get("kvCachePercent", 80),
    )


def _slo(autoscaling: Mapping[str, Any]) -> Slo | None:
    slo = autoscaling.get("slo")
    if not slo:
        return None
    return Slo(
        time_to_first_token_seconds=slo["timeToFirstTokenMilliseconds"] / 1000,
        inter_token_seconds=slo["interTokenMilliseconds"] / 1000,
        percentile=slo.get("percentile", 95),
    )


def _profile(planned: Plan, setting: Setting) -> tuple[EngineProfile, tuple[str, ...]]:
    fleet, assumptions = planned.fleet, []
    architecture = architecture_of(fleet, setting.catalogue)
    if architecture is None:
        assumptions.append(f"the model {fleet.spec.model.source} is unknown: simulated as one of 8B")
    hardware = _data_sheet(planned.accelerator)
    if hardware is None:
        assumptions.append(f"{planned.accelerator.name} has no data sheet here: simulated as nvidia-h100-80gb")
    per_gpu = planned.sized.row.weights_mib_per_gpu
    weights = per_gpu * _MIB * planned.accelerators if per_gpu and architecture else None
    model = _model_size(architecture or _UNKNOWN_MODEL, weights)
    batched = fleet.spec.engine.max_num_batched_tokens or (8192 if planned.accelerator.batches_large else 2048)
    profile = estimated_profile(
        model,
        hardware or _hardware(*_DATA_SHEETS["h100-80gb"]),
        name=f"{fleet.spec.model.source} on {planned.accelerators} x {planned.accelerator.name}",
        tensor_parallel=planned.accelerators,
        tokens_per_step=batched,
        sequences=running_per_rank(fleet, setting.catalogue.accelerators),
        kv_tokens=planned.sized.row.kv_cache_tokens or 400_000,
    )
    return profile, tuple(assumptions)


def _data_sheet(accelerator: Accelerator) -> Hardware | None:
    figures = _DATA_SHEETS.get(accelerator.name.partition("-")[2])
    return _hardware(*figures) if figures else None


def _hardware(terabytes: float, teraflops: float) -> Hardware:
    return Hardware(bytes_per_second=terabytes * _TERA, operations_per_second=teraflops * _TERA)


def _model_size(architecture: Architecture, weights_bytes: float | None) -> ModelSize:
    """
    Return what of *architecture* sets the pace; without *weights_bytes* parameters have 16 bits.

    Of experts a token computes only its own. How many of them a step reads lies between those of one token and all;
    the geometric mean is taken, which is that of batches of some ten tokens.
    """
    total = architecture.parameters_millions * 1e6
    active = total
    if experts := architecture.experts:
        layers = architecture.layers - experts.dense_layers
        idle = max(0, experts.count - experts.per_token)
        active = max(total * 0.02, total - layers * idle * 3 * experts.intermediate_size * architecture.hidden_size)
    kv_width = 2 * architecture.kv_heads * architecture.head_dim
    if latent := architecture.latent_attention:
        kv_width = latent.kv_lora_rank + latent.qk_rope_head_dim
    return ModelSize(
        weights_bytes=(weights_bytes or 2 * total) * math.sqrt(active / total),
        parameters=active,
        layers=architecture.layers,
        attention_width=architecture.heads * architecture.head_dim,
        kv_bytes_per_token=2.0 * kv_width * architecture.layers,
    )


def refuse(message: str) -> click.ClickException:
    """Return the error for a fleet that cannot start."""
    return click.ClickException(f"the fleet cannot be simulated, since it would not start: {message}")
