"""Make the sample traces of docs/traces: `python -m benchmarks.scaling.traces`."""

from pathlib import Path

from benchmarks.scaling.scenarios import ASSISTANT
from modelfleet.scaling.simulation.loads import (
    Burstiness,
    Load,
    Sessions,
    as_trace,
    diurnal,
    on_off,
    ramp,
    requests_of,
    session_requests,
    steady,
)
from modelfleet.scaling.simulation.request import Request

FOLDER = Path(__file__).parents[2] / "docs" / "traces"
SEED = 7


def traces() -> dict[str, tuple[Request, ...]]:
    """Return the samples by name, some 200 requests each."""
    mix = steady((1.0, ASSISTANT))
    morning = Load(name="morning", shape=ramp(0.02, 0.22, seconds=1500), duration_seconds=1800, mix=mix)
    gusts = Load(
        name="gusts",
        shape=diurnal(0.11, swing=0.5, period=1800),
        duration_seconds=1800,
        mix=mix,
        burstiness=Burstiness(gaps=2.5, slots=0.7),
    )
    office = Sessions(name="office", shape=on_off(0.06, on=500, off=1100), duration_seconds=3200, turns=4)
    return {
        "morning": requests_of(morning, SEED),
        "gusts": requests_of(gusts, SEED),
        "office": session_requests(office, SEED),
    }


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, requests in traces().items():
        (FOLDER / f"{name}.csv").write_text(as_trace(requests), encoding="utf-8")
        print(f"{name}: {len(requests)} requests")


if __name__ == "__main__":
    main()
