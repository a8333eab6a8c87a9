"""Arithmetic on Kubernetes quantities."""

import re
from fractions import Fraction

_SUFFIXES = {"": Fraction(1), "m": Fraction(1, 1000), "k": Fraction(1000)}
_SUFFIXES |= {suffix: Fraction(1000) ** power for power, suffix in enumerate("MGTPE", start=2)}
_SUFFIXES |= {f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([A-Za-z]*)")


def value(quantity: int | str) -> Fraction:
    """Return the number a quantity such as `64Gi`, `500m` or `8` stands for; raise ValueError for anything else."""
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f'must be a quantity such as "64Gi", "500m" or "8", found "{quantity}"')
    return Fraction(match[1]) * _SUFFIXES[match[2]]


def times(quantity: int | str, count: int) -> str:
    """Return *count* times *quantity*."""
    return written(value(quantity) * count)


def total(*quantities: int | str) -> str:
    """Return the sum of *quantities*."""
    return written(sum((value(quantity) for quantity in quantities), Fraction(0)))


def written(number: Fraction) -> str:
    """Return *number* as the shortest exact quantity in binary units, or in thousandths where it is not whole."""
    if number.denominator != 1:
        return f"{-(-number.numerator * 1000 // number.denominator)}m"
    for suffix in ("Pi", "Ti", "Gi", "Mi", "Ki"):
        if number and number % _SUFFIXES[suffix] == 0:
            return f"{number / _SUFFIXES[suffix]}{suffix}"
    return str(number)
