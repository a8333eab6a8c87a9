"""
Text and tokens of a model that has none: every token is four bytes of text.

What comes in is cut into slices of four bytes; what goes out are words of three letters with a space before them. So
an answer that a client sends back as part of the next prompt has the same tokens again, and finds its blocks warm.
"""

from __future__ import annotations  # `array[int]` cannot be evaluated before Python 3.12

from array import array
from collections.abc import Iterable
from pathlib import Path

_WIDTH = 4
_WORDS = (Path(__file__).resolve().parent.parent / "data" / "words.txt").read_text().split()
_PIECES = [f" {word}" for word in _WORDS]
_IDS = [int.from_bytes(piece.encode(), "big") for piece in _PIECES]

NATURAL_TOKENS = (32, 256)
"""The bounds of an answer's length when nothing but the model decides it."""


def tokenize(text: str) -> array[int]:
    """Return the tokens of *text*; a shorter last slice is a token of its own."""
    data = text.encode("utf-8", "surrogatepass")
    return array("Q", (int.from_bytes(data[i : i + _WIDTH], "big") for i in range(0, len(data), _WIDTH)))


def detokenize(tokens: Iterable[int]) -> str:
    """Return the text whose tokens are *tokens*."""
    return b"".join(token.to_bytes(-(-token.bit_length() // 8) or 1, "big") for token in tokens).decode(
        "utf-8", "replace"
    )


def output_token(seed: int, position: int) -> int:
    """Return the token that a sequence seeded with *seed* generates at *position*."""
    return _IDS[_choice(seed, position)]


def output_text(seed: int, *, start: int, stop: int) -> str:
    """Return the text of the generated tokens from *start* up to, and without, *stop*."""
    return "".join(_PIECES[_choice(seed, position)] for position in range(start, stop))


def natural_length(seed: int) -> int:
    """Return how many tokens the answer has when it ends by itself."""
    least, most = NATURAL_TOKENS
    return least + seed % (most - least + 1)


def _choice(seed: int, position: int) -> int:
    mixed = (seed + position * 0x9E3779B1) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 0x85EBCA6B) & 0xFFFFFFFF
    return (mixed >> 16) % len(_WORDS)
