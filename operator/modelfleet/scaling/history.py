"""What a scaler remembers between two decisions: a value, saved and loaded as JSON, and bounded in size."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.scaling import record

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    Everything earlier decisions leave for the next one; `History()` knows nothing.

    The parts are not for callers. Two histories with the same JSON decide alike, bit for bit.
    """

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"formatVersion": FORMAT_VERSION, **record.dump(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "History":
        """Return what `to_json` made; one of another format is forgotten, which costs only time."""
        if value.get("formatVersion") != FORMAT_VERSION:
            return cls()
        return record.load(cls, {key: item for key, item in value.items() if key != "formatVersion"})
