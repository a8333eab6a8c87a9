"""One sequence: a prompt, what it will generate, and how far it has come."""

from __future__ import annotations  # `array[int]` cannot be evaluated before Python 3.12

from array import array
from dataclasses import dataclass, field
from typing import Literal

from e2e.engine.core.kv_cache import Lease
from e2e.engine.core.text import output_token

Finish = Literal["stop", "length", "abort", "error"]


@dataclass(slots=True, eq=False)
class Sequence:
    """
    A sequence in the scheduler's hands; times are seconds of the engine's clock.

    `computed` counts the tokens whose keys and values are in the cache. While it is behind `length`, the sequence has
    a prompt, or what a preemption threw away, to compute; when it catches up, one more token is generated.
    """

    prompt: array[int]
    output_tokens: int
    arrived: float
    finish: Finish = "length"
    seed: int = 0
    priority: int = 0
    adapter: str | None = None
    max_tokens: int | None = None
    parallel: int = 1

    computed: int = 0
    generated: int = 0
    sealed: int = 0
    cached: int = 0
    preemptions: int = 0
    unreported_preemptions: int = 0
    done: bool = False
    lease: Lease = field(default_factory=Lease)
    first_scheduled: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    _hashes: list[int] = field(default_factory=list)

    @property
    def length(self) -> int:
        """All tokens so far."""
        return len(self.prompt) + self.generated

    @property
    def missing(self) -> int:
        """Tokens that the next steps have to compute before anything new is generated."""
        return self.length - self.computed

    def block_hashes(self, blocks: int, *, block_size: int) -> list[int]:
        """Return the chained hashes of the first *blocks* full blocks; another adapter means another content."""
        while len(self._hashes) < blocks:
            start = len(self._hashes) * block_size
            before = self._hashes[-1] if self._hashes else hash(self.adapter)
            self._hashes.append(hash((before, self._tokens(start, start + block_size).tobytes())))
        return self._hashes[:blocks]

    def _tokens(self, start: int, stop: int) -> array[int]:
        tokens = self.prompt[start:stop]
        first = max(start, len(self.prompt)) - len(self.prompt)
        tokens.extend(output_token(self.seed, position) for position in range(first, stop - len(self.prompt)))
        return tokens
