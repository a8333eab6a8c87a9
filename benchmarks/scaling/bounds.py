"""The clairvoyant schedule of a scenario; it takes half a minute to find, so it is kept beside this file."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scaling.scenarios import Scenario
from modelfleet.scaling.simulation.clairvoyant import clairvoyant
from modelfleet.scaling.simulation.request import Request

FILE = Path(__file__).with_name("bounds.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What perfect foresight needs."""

    gpu_hours: float
    attainment: float
    first_size: int
    largest: int


def bound_of(scenario: Scenario, requests: Sequence[Request]) -> Bound:
    """Return the bound, and keep it; one of other requests, fleets or SLOs is not used."""
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    key = f"{scenario.name}, seed {scenario.seed}"
    digest = _digest(scenario, requests)
    if kept.get(key, {}).get("digest") != digest:
        kept[key] = {"digest": digest, **_found(scenario, requests)}
        FILE.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    return Bound(**{name: value for name, value in kept[key].items() if name != "digest"})


def _found(scenario: Scenario, requests: Sequence[Request]) -> dict[str, float]:
    best = clairvoyant(
        scenario.model,
        requests,
        duration_seconds=scenario.load.duration_seconds,
        slo=scenario.slo,
        allowed_misses=scenario.allowed_misses,
    )
    return {
        "gpu_hours": round(best.score.gpu_hours, 4),
        "attainment": round(best.score.attainment, 4),
        "first_size": best.schedule.first_size,
        "largest": best.score.largest,
    }


def _digest(scenario: Scenario, requests: Sequence[Request]) -> str:
    text = repr((scenario.model, scenario.slo, scenario.allowed_misses))
    sums = (
        sum(one.arrival for one in requests),
        sum(one.prompt for one in requests),
        sum(one.output for one in requests),
    )
    return hashlib.blake2b(f"{text}{len(requests)}{sums}".encode(), digest_size=8).hexdigest()
