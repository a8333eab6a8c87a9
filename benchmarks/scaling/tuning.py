"""Find the best options of each formula: `python -m benchmarks.scaling.tuning [WORD …]`, on the tuning seed."""

import sys
from statistics import fmean

from benchmarks.scaling.contest import contest
from benchmarks.scaling.contestants import CONTESTANTS, Contestant
from benchmarks.scaling.scenarios import TUNING_SEED, scenarios

TUNING_LOADS = {"wave", "mix shift", "gusts"}
"""Those on 70B among them; the others are the same in kind."""


def main(words: list[str]) -> None:
    """Print the mean J of every combination of options, the best last."""
    chosen = [one for one in CONTESTANTS if not words or any(word in one.name for word in words)]
    found: dict[tuple[str, str], list[float]] = {}
    for scenario in scenarios(TUNING_SEED):
        if scenario.load.name not in TUNING_LOADS:
            continue
        print(scenario.name, file=sys.stderr, flush=True)
        for one in chosen:
            for options in one.grid:
                j = contest(scenario, one.scaler(options)).j
                found.setdefault((one.name, repr(options)), []).append(j)
    for one in chosen:
        _report(one, {key[1]: js for key, js in found.items() if key[0] == one.name})


def _report(one: Contestant, found: dict[str, list[float]]) -> None:
    for options, js in sorted(found.items(), key=lambda item: -fmean(item[1])):
        print(f"{one.name}: J {fmean(js):.3f} with {options}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
