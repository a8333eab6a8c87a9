"""
The last known state of every watched object, in memory.

Invariants
- An object never goes back to an older resource version, wherever the older copy comes from: a slow watch, a list that
  was under way, the answer to one of our own writes.
- What was deleted stays deleted until a newer version shows that it was created again.
- News is told exactly once: what was stored from our own answers is no news when the watch repeats it, but a foreign
  change between two of our writes is, although its object is older than what is stored. Where a list comes between,
  it may be told once too often.

Resource versions are compared as integers, as Kubernetes documents for versions of one resource.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from modelfleet.controller.cluster.resources import Json, Resource

Slim = Callable[[Json], Json]
"""Returns what is worth keeping of an object, without changing it: its caller may still use it."""

Name = tuple[str | None, str]
Objects = list[Json]

DELETED = "DELETED"
MODIFIED = "MODIFIED"
REMEMBERED_DELETIONS = 4096
"""Per resource; a copy older than its deletion arrives within one request's time, so the newest are enough."""


class Change(NamedTuple):
    """What a list taught the cache about one object."""

    event_type: str
    obj: Json


@dataclass(slots=True)
class _Shelf:
    """All objects of one resource."""

    objects: dict[Name, Json] = field(default_factory=dict)
    by_label: dict[Name, dict[str, Json]] = field(default_factory=dict)
    deletions: OrderedDict[Name, int] = field(default_factory=OrderedDict)
    own_versions: dict[Name, set[int]] = field(default_factory=dict)
    listed: bool = False


class Cache:
    """
    Objects by resource, namespace and name, and children by the value of one label.

    Callers share what they get, and must not change it.
    """

    def __init__(
        self, resources: Iterable[Resource], *, index_label: str, slim: Mapping[Resource, Slim] | None = None
    ) -> None:
        self._shelves = {resource: _Shelf() for resource in resources}
        self._label = index_label
        self._slim = dict(slim or {})

    @property
    def complete(self) -> bool:
        """Return whether every resource was listed once, so that absence means absence."""
        return all(shelf.listed for shelf in self._shelves.values())

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Return the resources the cache holds."""
        return tuple(self._shelves)

    def __len__(self) -> int:
        return sum(len(shelf.objects) for shelf in self._shelves.values())

    def count(self, resource: Resource) -> int:
        """Return how many objects of *resource* are known."""
        return len(self._shelves[resource].objects)

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        """Return one object, or None."""
        return self._shelves[resource].objects.get((namespace, name))

    def list(self, resource: Resource, namespace: str | None = None) -> Objects:
        """Return all objects of *resource*, of one namespace if given, in no particular order."""
        objects = self._shelves[resource].objects
        if namespace is None:
            return [*objects.values()]
        return [obj for (place, _), obj in objects.items() if place == namespace]

    def labelled(self, resource: Resource, namespace: str | None, value: str) -> Objects:
        """Return the objects in *namespace* whose index label has *value*; costs as much as there are of them."""
        return [*self._shelves[resource].by_label.get((namespace, value), {}).values()]

    def observe(self, resource: Resource, event_type: str | None, obj: Json, *, own: bool = False) -> bool:
        """
        Take in one object and return whether that is news to act on.

        *event_type* is that of the watch, or None for an object from a list. *own* marks the answer to a write
        of ours: it is stored, so that we read our own writes, and is no news.
        """
        shelf, key, version = self._shelves[resource], _key(obj), _version(obj)
        known = _version(shelf.objects[key]) if key in shelf.objects else shelf.deletions.get(key, -1)
        if event_type == DELETED:
            return self._forget(shelf, key, version) if version >= known else False
        if version <= known:
            return not own and _is_hidden_news(shelf, key, version, is_listed=event_type is None)
        self._keep(shelf, key, self._slimmed(resource, obj))
        if own:
            shelf.own_versions.setdefault(key, set()).add(version)
        else:
            shelf.own_versions.pop(key, None)
        return not own

    def replace(
        self, resource: Resource, items: Iterable[Json], *, resource_version: str, namespace: str | None = None
    ) -> tuple[Change, ...]:
        """
        Take in a whole list as of *resource_version*, prune what it lacks, and return what changed.

        Objects that are newer than the list stay, whether it has them or not. *namespace* limits the pruning.
        """
        shelf, as_of = self._shelves[resource], int(resource_version)
        changes = []
        listed = set()
        for obj in items:
            listed.add(_key(obj))
            if self.observe(resource, None, obj):
                changes.append(Change(MODIFIED, shelf.objects[_key(obj)]))
        for key in [key for key in shelf.objects if key not in listed and namespace in (None, key[0])]:
            obj = shelf.objects[key]
            if _version(obj) <= as_of:
                self._forget(shelf, key, as_of)
                changes.append(Change(DELETED, obj))
        return tuple(changes)

    def mark_listed(self, resource: Resource) -> None:
        """Note that all there is of *resource* is known; an API that is not installed has nothing to list."""
        self._shelves[resource].listed = True

    def clear(self, resource: Resource) -> tuple[Change, ...]:
        """Forget all of *resource*, because its API is gone, and return what went with it."""
        shelf = self._shelves[resource]
        gone = tuple(Change(DELETED, obj) for obj in shelf.objects.values())
        self._shelves[resource] = _Shelf(listed=shelf.listed)
        return gone

    def _slimmed(self, resource: Resource, obj: Json) -> Json:
        slim = self._slim.get(resource)
        return slim(obj) if slim else obj

    def _keep(self, shelf: _Shelf, key: Name, obj: Json) -> None:
        self._unindex(shelf, key)
        shelf.objects[key] = obj
        shelf.deletions.pop(key, None)
        if value := self._label_of(obj):
            shelf.by_label.setdefault((key[0], value), {})[key[1]] = obj

    def _forget(self, shelf: _Shelf, key: Name, version: int) -> bool:
        self._unindex(shelf, key)
        shelf.deletions[key] = version
        shelf.deletions.move_to_end(key)
        if len(shelf.deletions) > REMEMBERED_DELETIONS:
            shelf.deletions.popitem(last=False)
        shelf.own_versions.pop(key, None)
        return shelf.objects.pop(key, None) is not None

    def _unindex(self, shelf: _Shelf, key: Name) -> None:
        old = shelf.objects.get(key)
        if old is None or not (value := self._label_of(old)):
            return
        place = (key[0], value)
        family = shelf.by_label[place]
        del family[key[1]]
        if not family:
            del shelf.by_label[place]

    def _label_of(self, obj: Json) -> str | None:
        value: str | None = (obj["metadata"].get("labels") or {}).get(self._label)
        return value


def _is_hidden_news(shelf: _Shelf, key: Name, version: int, *, is_listed: bool) -> bool:
    """
    Return whether an object that is known may be a foreign change that an answer of ours has overtaken.

    A watch shows each version in turn. A list shows the last one alone, which holds whatever was changed before.
    """
    own = shelf.own_versions.get(key)
    if not own or key not in shelf.objects:
        return False
    if version >= max(own):
        del shelf.own_versions[key]
        return is_listed
    return version not in own


def _key(obj: Json) -> Name:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]


def _version(obj: Json) -> int:
    return int(obj["metadata"]["resourceVersion"])
