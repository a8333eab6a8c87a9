"""How fast the simulation is: an hour of 45 requests a second on 20 replicas."""

import time
from collections.abc import Iterator
from dataclasses import replace

from e2e.lab import Progress

from benchmarks.scaling.scenarios import MOST_REPLICAS, scenarios
from modelfleet.scaling.simulation.fleet import FleetModel
from modelfleet.scaling.simulation.loads import Lengths, Load, constant, requests_of, steady
from modelfleet.scaling.simulation.profile import LLAMA_8B_A100
from modelfleet.scaling.simulation.run import simulate
from modelfleet.scaling.simulation.scaler import FixedSize, ProductScaler, Scaler

REPLICAS = 20
RATE = 45.0


def run(progress: Progress) -> Iterator[tuple[str, str, str]]:
    """Yield the processor time of a fixed fleet and of one with our scaler."""
    lengths = Lengths(prompt_median=1200, prompt_most=6000, output_median=500, output_most=2000)
    load = Load(name="speed", shape=constant(RATE), mix=steady((1.0, lengths)))
    requests = requests_of(load, 1)
    model = FleetModel(profile=LLAMA_8B_A100, first_size=REPLICAS, max_replicas=MOST_REPLICAS)
    policy = replace(scenarios(1)[0].policy, min_replicas=REPLICAS, max_replicas=REPLICAS)
    scalers: tuple[tuple[str, Scaler], ...] = (("fixed", FixedSize(REPLICAS)), ("ours", ProductScaler(policy)))
    for name, scaler in scalers:
        before = time.process_time()
        simulate(model, requests, scaler, duration_seconds=load.duration_seconds)
        progress.note(f"{len(requests)} requests, {name}")
        seconds = time.process_time() - before
        yield (f"simulating an hour of {RATE:g} req/s on {REPLICAS} replicas, {name}", f"{seconds:.1f} s CPU", "≤ 15 s")
