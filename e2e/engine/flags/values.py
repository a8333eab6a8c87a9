"""How the values of flags are read."""

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from e2e.engine.flags.catalogue import Kind

_HUMAN = re.compile(r"(\d+(?:\.\d+)?)([kKmMgGtT])")
_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def human_readable_int(text: str) -> int:
    """Return the integer of *text*, where `8k` is 8,000, `8K` is 8,192 and `25.6k` is 25,600."""
    match = _HUMAN.fullmatch(text.strip())
    if match is None:
        return int(text)
    number, suffix = match.groups()
    if suffix in _DECIMAL:
        return int(float(number) * _DECIMAL[suffix])
    if "." in number:
        raise argparse.ArgumentTypeError(
            f"Decimals are not allowed with binary suffixes like {suffix}. "
            f"Did you mean {number}{suffix.lower()} instead?"
        )
    return int(number) * _BINARY[suffix]


def human_readable_int_or_auto(text: str) -> int:
    """Return the integer of *text*, with `auto` as -1: as long as memory allows."""
    return -1 if text.strip().lower() == "auto" else human_readable_int(text)


def loads(text: str) -> Any:
    """Return the JSON value of *text*."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"Value {text} cannot be converted to {loads!r}: {error}") from error


def union_dict_and_str(text: str) -> Any:
    """Return the JSON object of *text* when it looks like one, else *text* itself."""
    return loads(text) if text.lstrip().startswith("{") else text


READERS: dict[Kind, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "text": str,
    "json": loads,
    "json_or_text": union_dict_and_str,
    "human_int": human_readable_int,
    "human_int_or_auto": human_readable_int_or_auto,
}
