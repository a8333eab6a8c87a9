"""
Which blocks of the KV cache are in use, without looking at each sequence.

All sequences that decode grow by one token a step, so a sequence's context less the number of steps is constant. What
counts for its blocks is that difference modulo the block's size, its *phase*: with the number of sequences of each
phase and the sum of their tokens, the blocks in use after any number of steps are a sum of 16 terms.
"""

from modelfleet.scaling.simulation.profile import BLOCK_TOKENS

MASK = BLOCK_TOKENS - 1


class KvBlocks:
    """The blocks of one replica; those of prompts are taken when their prefill begins."""

    __slots__ = ("blocks", "decoding", "phases", "reserved", "tokens")

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.reserved = 0
        """Blocks of prompts whose prefill is not done."""
        self.tokens = 0
        """Tokens of the sequences that decode."""
        self.decoding = 0
        """How many decode."""
        self.phases = [0] * BLOCK_TOKENS

    def used(self, tick: int, ahead: int = 0) -> int:
        """Return the blocks in use when all that decode have grown by *ahead* tokens since *tick*."""
        grown = tick + ahead
        padding = sum(count * (-(phase + grown) & MASK) for phase, count in enumerate(self.phases) if count)
        return (self.tokens + self.decoding * ahead + padding) // BLOCK_TOKENS + self.reserved

    def has_room(self, tick: int, ahead: int, extra: int = 0) -> bool:
        """Return whether *extra* blocks are free after *ahead* steps."""
        most = (self.tokens + self.decoding * (ahead + MASK)) // BLOCK_TOKENS + self.reserved + extra
        return most <= self.blocks or self.used(tick, ahead) + extra <= self.blocks

    def steps_left(self, tick: int, wanted: int) -> int:
        """Return how many steps of *wanted* there is room for."""
        if self.has_room(tick, wanted):
            return wanted
        enough, too_many = 0, wanted
        while too_many - enough > 1:
            middle = (enough + too_many) // 2
            if self.has_room(tick, middle):
                enough = middle
            else:
                too_many = middle
        return enough


def blocks_of(tokens: int) -> int:
    """Return how many blocks *tokens* take."""
    return -(-tokens // BLOCK_TOKENS)
