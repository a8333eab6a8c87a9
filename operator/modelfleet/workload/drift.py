"""
Whether a live object still says everything that was applied.

The live object may say more: defaults, and what other managers add. Comparing instead of applying again is what keeps
an idle operator from writing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelfleet.workload import quantities

MERGE_KEYS = ("mountPath", "name", "type", "ip")
"""By which the API server tells the items of its lists apart; mounts of one volume share their name."""
ATOMIC = frozenset({"labelSelector", "namespaceSelector", "nodeSelector", "podSelector", "selector"})
"""Fields that the API server replaces as a whole: one entry more selects something else."""

QUANTITIES = frozenset({"limits", "requests"})
"""Fields that hold quantities by resource; elsewhere `1024` and `1Ki` are different texts."""
QUANTITY = frozenset({"divisor", "sizeLimit"})
"""Fields that are quantities."""


def agrees(wanted: Any, live: Any) -> bool:
    """
    Return whether *live* contains *wanted*.

    Null, empty and absent are the same, and so are `2048Mi` and `2Gi` where a field holds quantities. A null asks for
    nothing: what the API server puts in its place is its default.
    """
    if wanted is None:
        return True
    if wanted in ({}, []):
        return live in (None, {}, []) or isinstance(live, type(wanted))
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(_entries_agree(*entry, live) for entry in wanted.items())
    if isinstance(wanted, list | tuple):
        return isinstance(live, Sequence) and not isinstance(live, str) and _lists_agree(wanted, live)
    return bool(wanted == live)


def _entries_agree(key: str, wanted: Any, live: Mapping[str, Any]) -> bool:
    found = live.get(key)
    if key in QUANTITIES and isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return all(_amounts_agree(amount, found.get(resource)) for resource, amount in wanted.items())
    if key in QUANTITY:
        return _amounts_agree(wanted, found)
    return agrees(wanted, found) and (key not in ATOMIC or wanted is None or agrees(found, wanted))


def _lists_agree(wanted: Sequence[Any], live: Sequence[Any]) -> bool:
    key = _merge_key(wanted)
    if key is None:
        return len(wanted) == len(live) and all(map(agrees, wanted, live))
    by_key = {item[key]: item for item in live if isinstance(item, Mapping) and isinstance(item.get(key), str)}
    return all(item[key] in by_key and agrees(item, by_key[item[key]]) for item in wanted)


def _merge_key(items: Sequence[Any]) -> str | None:
    """Return the key that tells *items* apart, or None where their order does."""
    if not all(isinstance(item, Mapping) for item in items):
        return None
    return next((key for key in MERGE_KEYS if _tells_apart(key, items)), None)


def _tells_apart(key: str, items: Sequence[Mapping[str, Any]]) -> bool:
    values = [item.get(key) for item in items]
    return all(isinstance(value, str) for value in values) and len(set(values)) == len(values)


def _amounts_agree(wanted: Any, live: Any) -> bool:
    return agrees(wanted, live) or _same_quantity(wanted, live)


def _same_quantity(wanted: Any, live: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(live, bool) or not isinstance(live, str | int):
        return False
    try:
        return quantities.value(wanted) == quantities.value(live)
    except ValueError:
        return False
