"""The vLLM release that is being played."""

import re
from dataclasses import dataclass
from typing import Self

DEFAULT = "0.33.0"
_PATTERN = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True, order=True)
class Release:
    """One release of vLLM; releases compare by age, older ones are smaller."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the release that *text* starts with (`0.18.1`, `v0.33.0`, `0.33`); else raise ValueError."""
        match = _PATTERN.match(text)
        if match is None:
            raise ValueError(f"`VLLM_VERSION` must be a release such as '0.33.0', got '{text}'")
        return cls(int(match[1]), int(match[2]), int(match[3] or 0))

    def at_least(self, text: str) -> bool:
        """Tell whether this release is *text* or younger."""
        return self >= Release.parse(text)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


OLDEST = Release(0, 9, 2)
"""The oldest release that can be played: flags and metric names were sampled from here on."""
