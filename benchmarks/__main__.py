"""Run the benchmarks: `python -m benchmarks [NAME …]`; without names, all of them."""

import sys

from e2e.lab import Progress

from benchmarks import idle, many_fleets, spec_change
from benchmarks.gateway import affinity, burst, changes, cpu, litellm, many_models, starting, steady, streams
from benchmarks.scaling import ours as our_scaler
from benchmarks.scaling import speed as simulation
from benchmarks.scaling import table as scaling

BENCHMARKS = {
    "spec-change": (spec_change.run, "a spec change reaches the Deployment, with 100 fleets"),
    "many-fleets": (many_fleets.run, "1,000 fleets created at once, against plain applies"),
    "idle": (idle.run, "writes of a restarted and of an idle operator with 200 fleets (about 13 minutes)"),
    "gateway-cpu": (cpu.run, "processor time of a request with everything on, against routing by body"),
    "gateway-affinity": (affinity.run, "requests on a replica that has their prefix, with 8 replicas"),
    "gateway-burst": (burst.run, "2,000 users on a fleet with room for 256"),
    "gateway-streams": (streams.run, "10,000 streams open at once (about 4 minutes)"),
    "gateway-changes": (changes.run, "how soon policies, endpoints and keys are in effect, with 1,000 models"),
    "gateway-scale": (many_models.run, "processor time of a request with 1,000 models, against 10"),
    "gateway-start": (starting.run, "an operator that starts with 5,000 models, until a request is answered"),
    "gateway-steady": (steady.run, "streams on real pods while everything around them changes (about 12 minutes)"),
    "simulation-speed": (simulation.run, "processor time of a simulated hour of 45 requests a second on 20 replicas"),
    "scaling-ours": (our_scaler.run, "our scaler on simulated fleets, scenario by scenario (about a minute)"),
    "scaling": (
        scaling.run,
        "our scaler against those of products, on simulated fleets (about 15 minutes of one core)",
    ),
    "gateway-litellm": (litellm.run, "processor time of a request, against LiteLLM on the same engines"),
}


def main(names: list[str]) -> int:
    """Run the benchmarks called *names*, and print one table row per figure."""
    if unknown := set(names) - BENCHMARKS.keys():
        print(f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
        return 2
    progress = Progress()
    print("| figure | measured | wanted |\n|---|---|---|", flush=True)
    for name in names or BENCHMARKS:
        run, what = BENCHMARKS[name]
        progress.note(f"{name}: {what}")
        for row in run(progress):
            print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
