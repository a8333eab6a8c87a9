"""How long a pod takes from its creation to Ready: the 80th percentile of the last twenty."""

from dataclasses import dataclass

PRIOR_SECONDS = 150.0
"""Before the first was seen: 8B models took 60 to 300 s, of which most is the download and CUDA graphs."""
REMEMBERED = 20
PERCENTILE = 0.8


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """The last cold starts in seconds, oldest first."""

    seconds: tuple[float, ...] = ()

    def with_start(self, seconds: float) -> "ColdStarts":
        """Return them with one more, which replaces the oldest."""
        return ColdStarts((*self.seconds, seconds)[-REMEMBERED:])

    def expected_seconds(self) -> float:
        """Return how long a pod that is ordered now will probably take."""
        if not self.seconds:
            return PRIOR_SECONDS
        ranked = sorted(self.seconds)
        return ranked[min(len(ranked) - 1, int(PERCENTILE * len(ranked)))]
