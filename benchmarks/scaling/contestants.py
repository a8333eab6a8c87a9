"""The scalers that are compared: ours with one configuration, and the products' formulas at defaults and tuned."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.scaling.contest import MakeScaler
from benchmarks.scaling.formulas.aibrix import AiBrix
from benchmarks.scaling.formulas.dynamo import Dynamo
from benchmarks.scaling.formulas.horizontal import PodsHpa, SumHpa
from benchmarks.scaling.formulas.knative import Knative
from benchmarks.scaling.formulas.kubeai import KubeAi
from benchmarks.scaling.formulas.llm_d import LlmdSaturation, LlmdTokens
from benchmarks.scaling.formulas.signals import in_flight, kv_usage, queued
from benchmarks.scaling.scenarios import Scenario
from modelfleet.scaling.simulation.scaler import ProductScaler, Scaler

OURS = "modelfleet"
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A formula with its documented defaults, the values that were tried, and the best of them."""

    name: str
    make: Any
    """From a scenario and options to a scaler."""
    defaults: Options
    grid: tuple[Options, ...] = ()
    """What `python -m benchmarks.scaling.tuning` tries on the tuning seed."""
    tuned: Options | None = None
    """The best of the grid: the smallest mean J over the tuning loads and the tuning seed."""

    def scaler(self, options: Options) -> MakeScaler:
        """Return the maker of its scaler with *options*."""
        return lambda scenario: self.make(scenario, **options)


def _queue(scenario: Scenario, **options: Any) -> Scaler:
    return SumHpa(scenario.policy, queued, **options)


def _kv(scenario: Scenario, **options: Any) -> Scaler:
    return PodsHpa(scenario.policy, kv_usage, **options)


def _in_flight(scenario: Scenario, **options: Any) -> Scaler:
    return SumHpa(scenario.policy, in_flight, interval_seconds=30.0, **options)


def _of(kind: Any) -> Any:
    return lambda scenario, **options: kind(scenario.policy, **options)


def _dynamo(scenario: Scenario, **options: Any) -> Scaler:
    return Dynamo(scenario.policy, scenario.model.profile, **options)


def _grid(**choices: tuple[Any, ...]) -> tuple[Options, ...]:
    """Return all combinations of *choices*."""
    combined: list[dict[str, Any]] = [{}]
    for name, values in choices.items():
        combined = [{**options, name: value} for options in combined for value in values]
    return tuple(combined)


CONTESTANTS = (
    Contestant(
        name="HPA on queue depth",
        make=_queue,
        defaults={"target": 5.0},
        grid=_grid(target=(0.25, 1.0, 3.0), down_seconds=(300.0, 900.0)),
        tuned={"target": 1.0, "down_seconds": 900.0},
    ),
    Contestant(
        name="HPA on KV cache",
        make=_kv,
        defaults={"target": 0.8},
        grid=_grid(target=(0.08, 0.12, 0.18, 0.25), down_seconds=(120.0,)),
        tuned={"target": 0.18, "down_seconds": 120.0},
    ),
    Contestant(
        name="KEDA on requests in flight",
        make=_in_flight,
        defaults={"target": 100.0},
        grid=_grid(target=(15.0, 25.0, 35.0, 50.0), down_seconds=(120.0,)),
        tuned={"target": 25.0, "down_seconds": 120.0},
    ),
    Contestant(
        name="Knative KPA",
        make=_of(Knative),
        defaults={},
        grid=_grid(target=(25.0, 40.0, 60.0), delay_seconds=(120.0,)),
        tuned={"target": 60.0, "delay_seconds": 120.0},
    ),
    Contestant(
        name="KubeAI",
        make=_of(KubeAi),
        defaults={},
        grid=_grid(target=(15.0, 25.0, 35.0), window=(6, 18)),
        tuned={"target": 25.0, "window": 18},
    ),
    Contestant(
        name="AIBrix APA on KV cache",
        make=_of(AiBrix),
        defaults={},
        grid=_grid(target=(0.04, 0.08, 0.15, 0.25), window_seconds=(60.0,)),
        tuned={"target": 0.04, "window_seconds": 60.0},
    ),
    Contestant(
        name="llm-d WVA, saturation (V1)",
        make=_of(LlmdSaturation),
        defaults={},
        grid=_grid(kv_limit=(0.12, 0.15, 0.2, 0.3, 0.4), stabilization_seconds=(0.0, 60.0)),
        tuned={"kv_limit": 0.15, "stabilization_seconds": 0.0},
    ),
    Contestant(
        name="llm-d WVA, tokens (V2)",
        make=_of(LlmdTokens),
        defaults={},
        grid=_grid(kv_share=(0.1, 0.15, 0.25), stabilization_seconds=(30.0, 120.0)),
        tuned={"kv_share": 0.1, "stabilization_seconds": 120.0},
    ),
    Contestant(
        name="Dynamo planner, true profile",
        make=_dynamo,
        defaults={},
        grid=_grid(throughput_seconds=(30.0,), headroom=(1.0, 1.5, 2.0, 2.5, 3.0), is_linear=(False, True)),
        tuned={"throughput_seconds": 30.0, "headroom": 2.5},
    ),
)
"""Re-implemented from the published formula of each product; defaults as documented there."""


def ours(scenario: Scenario) -> Scaler:
    """Return our scaler: bounds and SLO of the scenario, everything else as it is delivered."""
    return ProductScaler(scenario.policy)


def entrants() -> Iterator[tuple[str, MakeScaler]]:
    """Yield every scaler of the table with its name."""
    yield OURS, ours
    for one in CONTESTANTS:
        if one.tuned is not None:
            yield f"{one.name}, tuned", one.scaler(one.tuned)
        yield f"{one.name}, defaults", one.scaler(one.defaults)
