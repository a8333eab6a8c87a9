"""
Loads, engines and SLOs to compare scalers on.

The loads are ours, smooth and bursty; seeds below 100 are for tuning, others for reporting. Rates are in units of what
one replica of the engine carries, so that fleets of all engines have about the same sizes.
"""

from dataclasses import dataclass, replace

from modelfleet.scaling import ScalingPolicy, Slo
from modelfleet.scaling.simulation.fleet import ColdStart, FleetModel
from modelfleet.scaling.simulation.loads import (
    Burstiness,
    Lengths,
    Load,
    constant,
    diurnal,
    ramp,
    shifting,
    spikes,
    steady,
    step,
)
from modelfleet.scaling.simulation.profile import LLAMA_8B_A100, LLAMA_8B_H100, LLAMA_70B_H100_TP4, EngineProfile
from modelfleet.scaling.simulation.score import ALLOWED_MISSES, ALLOWED_MISSES_BURSTY

TUNING_SEED = 1
REPORTING_SEEDS = (101,)

ASSISTANT = Lengths(prompt_median=1000, prompt_sigma=0.8, output_median=400, output_sigma=0.7, prompt_most=5000)
RETRIEVAL = Lengths(prompt_median=2000, prompt_sigma=0.5, prompt_most=5000, output_median=150, output_sigma=0.6)
WRITER = Lengths(prompt_median=250, prompt_sigma=0.8, prompt_most=5000, output_median=800, output_sigma=0.5)
AGENT = Lengths(
    prompt_median=400, prompt_sigma=0.9, prompt_most=5000, output_median=200, output_sigma=0.7, shared_prefix=1500
)
MOST_REPLICAS = 40
HOUR = 2700.0
"""A load lasts 45 minutes, so that all of them can be run while one waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A load on a fleet, and what is asked of it."""

    load: Load
    model: FleetModel
    slo: Slo
    seed: int

    @property
    def name(self) -> str:
        """Return what tells it from the others."""
        cold, first = self.model.cold_start.mean_seconds, self.slo.time_to_first_token_seconds
        return f"{self.load.name}, {self.model.profile.name}, {cold:g} s, {first:g} s"

    @property
    def allowed_misses(self) -> float:
        """Return the share of requests that may miss the SLO without penalty."""
        return ALLOWED_MISSES_BURSTY if self.load.bursty else ALLOWED_MISSES

    @property
    def policy(self) -> ScalingPolicy:
        """Return what our scaler is told: bounds and the SLO, and nothing that was tuned."""
        return ScalingPolicy(
            min_replicas=1,
            max_replicas=self.model.max_replicas,
            slo=self.slo,
            running_per_replica=self.model.profile.sequences,
            scale_up_percent_per_minute=400,
        )


def loads(rate: float) -> tuple[Load, ...]:
    """Return the loads; *rate* is what one replica carries, in requests a second."""
    calm, lively, wild = Burstiness(gaps=1.2), Burstiness(gaps=1.5, slots=0.25), Burstiness(gaps=2.5, slots=0.7)
    mixed = steady((0.6, ASSISTANT), (0.2, RETRIEVAL), (0.2, WRITER))
    assistant, agents = steady((1.0, ASSISTANT)), steady((0.7, AGENT), (0.3, ASSISTANT))
    squally = Burstiness(gaps=3.0, slots=1.0)
    return (
        Load(duration_seconds=HOUR, name="constant", shape=constant(6 * rate), burstiness=calm, mix=mixed),
        Load(
            duration_seconds=HOUR,
            name="wave",
            shape=diurnal(5 * rate, swing=0.8, period=HOUR),
            burstiness=calm,
            mix=assistant,
        ),
        Load(
            duration_seconds=HOUR,
            name="two waves",
            shape=diurnal(4 * rate, swing=0.7, period=HOUR / 2),
            burstiness=lively,
            mix=mixed,
        ),
        Load(
            duration_seconds=HOUR,
            name="ramp",
            shape=ramp(1.5 * rate, 9 * rate, seconds=0.8 * HOUR),
            burstiness=calm,
            mix=assistant,
        ),
        Load(
            duration_seconds=HOUR,
            name="mix shift",
            shape=constant(4 * rate),
            burstiness=calm,
            mix=shifting(WRITER, RETRIEVAL, start=0.3 * HOUR, end=0.6 * HOUR),
        ),
        Load(duration_seconds=HOUR, name="agents", shape=diurnal(7 * rate, swing=0.5, period=HOUR), mix=agents),
        Load(
            duration_seconds=HOUR,
            name="step",
            shape=step(3 * rate, 6 * rate, at=0.35 * HOUR, until=0.75 * HOUR),
            mix=assistant,
            bursty=True,
        ),
        Load(
            duration_seconds=HOUR,
            name="spikes",
            shape=spikes(3 * rate, 7 * rate, every=HOUR / 4, lasting=120),
            burstiness=calm,
            mix=mixed,
            bursty=True,
        ),
        Load(
            duration_seconds=HOUR,
            name="gusts",
            shape=diurnal(5 * rate, swing=0.5, period=HOUR),
            burstiness=wild,
            mix=mixed,
            bursty=True,
        ),
        Load(
            duration_seconds=HOUR,
            name="squalls",
            shape=constant(3 * rate),
            burstiness=squally,
            mix=assistant,
            bursty=True,
        ),
    )


def replica_rate(profile: EngineProfile) -> float:
    """Return how many requests of `ASSISTANT` a replica carries in a second, roughly, at the most usual SLO."""
    prompt, output = 1370, 510
    seconds = (prompt + output) * profile.seconds_per_token
    seconds += output * (prompt + output / 2) * profile.seconds_per_kv_token
    return 1 / seconds


def scenarios(seed: int) -> tuple[Scenario, ...]:
    """Return all: every load on 8B and A100, and some on other engines, cold starts and SLOs."""
    usual = Slo(time_to_first_token_seconds=1.0, inter_token_seconds=0.066)
    fast = Slo(time_to_first_token_seconds=0.5, inter_token_seconds=0.05)
    slow = Slo(time_to_first_token_seconds=2.0, inter_token_seconds=0.066)
    found = [scenario(load, LLAMA_8B_A100, usual, 120, seed) for load in loads(replica_rate(LLAMA_8B_A100))]
    for profile, slo, cold, some in (
        (LLAMA_8B_H100, fast, 60, {"two waves"}),
        (LLAMA_70B_H100_TP4, slow, 240, {"wave", "gusts"}),
    ):
        chosen = (load for load in loads(replica_rate(profile)) if load.name in some)
        found += [scenario(load, profile, slo, cold, seed) for load in chosen]
    return tuple(found)


def scenario(load: Load, profile: EngineProfile, slo: Slo, cold: float, seed: int) -> Scenario:
    """Return a scenario."""
    model = FleetModel(profile=profile, cold_start=ColdStart(mean_seconds=cold), max_replicas=MOST_REPLICAS, seed=seed)
    return Scenario(load=load, model=model, slo=slo, seed=seed)


def starting_with(model: FleetModel, size: int) -> FleetModel:
    """Return *model* with *size* pods that are Ready at the beginning: the same for all scalers."""
    return replace(model, first_size=size)
