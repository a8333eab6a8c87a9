"""Things that several owners have in common, each of which is there as long as somebody has it."""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)
Thing = TypeVar("Thing")


class Shared(Generic[Name, Thing]):
    """Things by name; two owners mean the same by one name."""

    def __init__(self) -> None:
        self.things: dict[Name, Thing] = {}
        self._owned: dict[str, Mapping[Name, Thing]] = {}
        self._count: Counter[Name] = Counter()

    def replace(self, owner: str, things: Mapping[Name, Thing]) -> dict[Name, Thing | None]:
        """Note what *owner* has now, and return what came, and None for what went."""
        before = self._owned.pop(owner, {})
        if things:
            self._owned[owner] = things
        self._count.update(things.keys())
        self._count.subtract(before.keys())
        changed: dict[Name, Thing | None] = {}
        for name in before.keys() | things.keys():
            if not self._count[name]:
                del self._count[name]
                del self.things[name]
                changed[name] = None
            elif name in things and self.things.get(name) != things[name]:
                changed[name] = self.things[name] = things[name]
        return changed
