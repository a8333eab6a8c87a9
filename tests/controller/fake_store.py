"""Objects as an API server keeps them: versions, generations, and a history that can be compacted."""

import copy
import itertools
import uuid
from collections import defaultdict
from dataclasses import dataclass, field

from modelfleet.controller.cluster.resources import Json, Resource

Name = tuple[str | None, str | None]


@dataclass
class Store:
    """All objects of a small cluster; every change has its own version and is told to the listeners of its resource."""

    version: int = 100
    compacted: int = 0
    objects: dict[str, dict[Name, Json]] = field(default_factory=lambda: defaultdict(dict))
    history: dict[str, list[tuple[int, Json]]] = field(default_factory=lambda: defaultdict(list))
    order: "itertools.count[int]" = field(default_factory=itertools.count)

    def create(self, resource: Resource, obj: Json) -> Json:
        """Store a new object."""
        made = copy.deepcopy(obj)
        made.setdefault("apiVersion", resource.api_version)
        made.setdefault("kind", resource.kind)
        made["metadata"] |= {"uid": str(uuid.UUID(int=next(self.order))), "generation": 1}
        return self._put(resource, made, "ADDED")

    def save(self, resource: Resource, obj: Json) -> Json:
        """Store the next state of an object, unless nothing changed."""
        old = self.objects[resource.plural][_name(obj)]
        if _without_version(old) == _without_version(obj):
            return old
        if old.get("spec") != obj.get("spec"):
            obj["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return self._put(resource, obj, "MODIFIED")

    def delete(self, resource: Resource, namespace: str | None, name: str | None) -> Json:
        """Remove an object."""
        gone = self.objects[resource.plural].pop((namespace, name))
        return self._tell(resource, gone, "DELETED")

    def find(self, resource: Resource, namespace: str | None, name: str | None) -> Json | None:
        """Return an object of its own, or None."""
        found = self.objects[resource.plural].get((namespace, name))
        return copy.deepcopy(found) if found else None

    def select(self, resource: Resource, namespace: str | None, selector: str | None) -> list[Json]:
        """Return the matching objects by name."""
        found = sorted(self.objects[resource.plural].items(), key=lambda item: (item[0][0] or "", item[0][1] or ""))
        return [obj for (place, _), obj in found if namespace in (None, place) and matches(obj, selector)]

    def since(self, resource: Resource, version: int) -> list[Json]:
        """Return the events after *version*."""
        return [event for at, event in self.history[resource.plural] if at > version]

    def compact(self) -> None:
        """Forget all history, so that every earlier version is too old to watch from."""
        self.compacted = self.version
        self.history.clear()

    def _put(self, resource: Resource, obj: Json, event_type: str) -> Json:
        stored = self._tell(resource, obj, event_type)
        self.objects[resource.plural][_name(stored)] = stored
        return stored

    def _tell(self, resource: Resource, obj: Json, event_type: str) -> Json:
        self.version += 1
        told = copy.deepcopy(obj)
        told["metadata"]["resourceVersion"] = str(self.version)
        self.history[resource.plural].append((self.version, {"type": event_type, "object": told}))
        return told


def matches(obj: Json, selector: str | None) -> bool:
    """Return whether the labels of *obj* match a selector of equalities."""
    labels = obj["metadata"].get("labels") or {}
    wanted = (term.split("=", 1) for term in selector.split(",")) if selector else ()
    return all(labels.get(key) == value for key, value in wanted)


def merge(target: Json, patch: Json) -> Json:
    """Return *target* with a JSON merge patch."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _name(obj: Json) -> Name:
    return obj["metadata"].get("namespace"), obj["metadata"]["name"]


def _without_version(obj: Json) -> Json:
    meta = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    return obj | {"metadata": meta}
