"""How long prompts and answers are: log-normal for one kind of client, heavier than that for a mix of clients."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """The tokens of one kind of client."""

    prompt_median: float
    prompt_sigma: float = 0.8
    output_median: float
    output_sigma: float = 0.7
    shared_prefix: int = 0
    """Tokens that all its prompts begin with."""
    prompt_most: int = 16_000
    output_most: int = 4_000

    def draw(self, chance: random.Random) -> tuple[int, int]:
        """Return the tokens of a prompt and of its answer."""
        prompt = self.shared_prefix + chance.lognormvariate(math.log(self.prompt_median), self.prompt_sigma)
        output = chance.lognormvariate(math.log(self.output_median), self.output_sigma)
        return max(1, min(self.prompt_most, int(prompt))), max(1, min(self.output_most, int(output)))


CHAT = Lengths(prompt_median=300, prompt_sigma=1.0, output_median=180, output_sigma=0.8)
"""Short questions, answers of some paragraphs."""
DOCUMENTS = Lengths(prompt_median=2500, prompt_sigma=0.7, output_median=120, output_sigma=0.6)
"""Long prompts, short answers: retrieval and summaries."""
WRITING = Lengths(prompt_median=150, prompt_sigma=0.6, output_median=600, output_sigma=0.6)
"""Short prompts, long answers: code and text."""

Mix = Callable[[float], tuple[tuple[float, Lengths], ...]]
"""From seconds since the load began to kinds of clients and their shares, which need not add up to 1."""


def steady(*parts: tuple[float, Lengths]) -> Mix:
    """Return the same mix all the time."""
    return lambda _: parts


def shifting(before: Lengths, after: Lengths, *, start: float, end: float) -> Mix:
    """Return a mix that goes from *before* to *after* between two times."""

    def mix(at: float) -> tuple[tuple[float, Lengths], ...]:
        share = min(1.0, max(0.0, (at - start) / (end - start)))
        return ((1 - share, before), (share, after))

    return mix
