"""The values of this package as JSON and back, without loss: floats come back to the last bit, tuples as tuples."""

import functools
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def dump(value: Any) -> Any:
    """Return *value* as JSON values; fields that hold their default None are left out."""
    if is_dataclass(value):
        items = ((field.name, getattr(value, field.name)) for field in fields(value))
        return {name: dump(item) for name, item in items if item is not None}
    if isinstance(value, tuple):
        return [dump(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


def load(kind: type[T], value: Any) -> T:
    """
    Return the *kind* that `dump` made *value* of.

    Raises TypeError or ValueError where *value* does not fit; fields that are unknown are an error, absent ones get
    their default.
    """
    return cast("T", _load(kind, value))


def _load(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _load(_only(kind), value)
    if origin is tuple:
        return _load_tuple(get_args(kind), value)
    if is_dataclass(kind):
        return _load_dataclass(kind, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    if not isinstance(value, kind):
        raise TypeError(f"must be {kind.__name__}, got {value!r}")
    return value


def _load_tuple(items: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError(f"must be a list, got {value!r}")
    if len(items) == 2 and items[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...] has these two arguments
        return tuple(_load(items[0], item) for item in value)
    return tuple(_load(kind, item) for kind, item in zip(items, value, strict=True))


def _load_dataclass(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"must be an object for {kind.__name__}, got {value!r}")
    kinds = _kinds(kind)
    unknown = value.keys() - kinds.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(f'`{name}`' for name in sorted(unknown))}")
    return kind(**{name: _load(kinds[name], item) for name, item in value.items()})


@functools.cache
def _kinds(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _only(union: Any) -> Any:
    return next(part for part in get_args(union) if part is not types.NoneType)
