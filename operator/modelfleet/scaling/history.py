"""What a scaler remembers between two decisions: a value, saved and loaded as JSON, and bounded in size."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelfleet.scaling import record
from modelfleet.scaling.cold_start import ColdStarts
from modelfleet.scaling.demand import Dispersion, Profile, Sample
from modelfleet.scaling.engine_model import EngineSums
from modelfleet.scaling.forecast import Forecast
from modelfleet.scaling.guards import Reading
from modelfleet.scaling.health import PodMemory
from modelfleet.scaling.misses import Misses
from modelfleet.scaling.rates import Need
from modelfleet.scaling.sleep import Quiet

FORMAT_VERSION = 1
GAP_INTERVALS = 12
"""After so many intervals without a decision what was seen before no longer says what is needed now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    Everything earlier decisions leave for the next one; `History()` knows nothing.

    The parts are not for callers. Two histories with the same JSON decide alike, bit for bit. The size is bounded by
    the number of pods and by the seconds of the policy's windows.
    """

    begun_at: float | None = None
    """Since when the fleet is observed without a gap."""
    decided_at: float = 0.0
    pods: tuple[PodMemory, ...] = ()
    blind_since: float | None = None
    """Since when no page of any ready pod could be used."""

    engine: EngineSums = field(default_factory=EngineSums)
    cold_starts: ColdStarts = field(default_factory=ColdStarts)
    misses: Misses = field(default_factory=Misses)
    largest_work: float = 0.0
    observed_seconds: float = 0.0
    """How long the fleet was observed altogether: early on the largest work is no bound."""

    profile: Profile = field(default_factory=Profile)
    samples: tuple[Sample, ...] = ()
    dispersion: Dispersion = field(default_factory=Dispersion)
    forecast: Forecast = field(default_factory=Forecast)

    reading: Reading | None = None
    needs: tuple[Need, ...] = ()
    sizes: tuple[Need, ...] = ()
    quiet: Quiet = field(default_factory=Quiet)

    def at(self, now: float, *, interval: float) -> "History":
        """Return it for a decision at *now*: after a gap, or a clock that went back, only what was learned is left."""
        if self.begun_at is None or not 0.0 <= now - self.decided_at <= GAP_INTERVALS * interval:
            return replace(
                self,
                begun_at=now,
                decided_at=now,
                pods=(),
                blind_since=None,
                samples=(),
                forecast=replace(self.forecast, pending=()),
                reading=None,
                needs=(),
                sizes=(),
                quiet=Quiet(),
            )
        return self

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"formatVersion": FORMAT_VERSION, **record.dump(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "History":
        """Return what `to_json` made; one of another format is forgotten, which costs only time."""
        if value.get("formatVersion") != FORMAT_VERSION:
            return cls()
        return record.load(cls, {key: item for key, item in value.items() if key != "formatVersion"})
