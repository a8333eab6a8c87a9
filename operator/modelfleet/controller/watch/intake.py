"""What comes from the API server goes through here: into the cache, and on as keys to reconcile."""

import asyncio
import random
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, NamedTuple, TypeVar

from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.watch import metrics
from modelfleet.controller.watch.cache import DELETED, MODIFIED, Cache

Key = TypeVar("Key", bound=Hashable)
Route = Callable[[Resource, str, Json], Iterable[Key]]
Enqueue = Callable[[Key, float], None]
AT_ONCE = 100
"""Objects that are asked for in one piece: some 3 ms (measured, 30 µs each)."""


class Place(NamedTuple):
    """A collection that is watched: a resource in one namespace, or in all."""

    resource: Resource
    namespace: str | None


class Intake(Generic[Key]):
    """
    Feeds *cache*, and calls *enqueue* with every key that *route* names for a change.

    Nothing is asked for while it is closed, as it is at first: absence means nothing until all was listed once.
    """

    def __init__(self, cache: Cache, *, route: Route[Key], enqueue: Enqueue[Key]) -> None:
        self.cache = cache
        self.is_open = False
        self._route, self._enqueue = route, enqueue

    def event(self, resource: Resource, event_type: str, obj: Json) -> None:
        """Take in one event of a watch."""
        meta = obj["metadata"]
        before = self.cache.get(resource, meta.get("namespace"), meta["name"])
        if not self.cache.observe(resource, event_type, obj):
            return
        metrics.EVENTS.labels(resource.plural, event_type).inc()
        self._ask(resource, event_type, obj)
        if before is not None and before["metadata"].get("labels") != meta.get("labels"):
            self._ask(resource, MODIFIED, before)  # whoever it belonged to by its labels has lost it

    def whole_list(self, place: Place, items: Iterable[Json], resource_version: str) -> None:
        """Take in all that is at *place*, and prune what is not."""
        metrics.LISTS.labels(place.resource.plural).inc()
        changes = self.cache.replace(
            place.resource, items, resource_version=resource_version, namespace=place.namespace
        )
        for event_type, obj in changes:
            if event_type == DELETED:
                metrics.PRUNED.labels(place.resource.plural).inc()
            self._ask(place.resource, event_type, obj)

    def gone(self, resource: Resource) -> None:
        """Forget all of *resource*: the API server no longer knows it."""
        for event_type, obj in self.cache.clear(resource):
            self._ask(resource, event_type, obj)

    async def everything(self, *, spread_seconds: float = 0.0) -> None:
        """
        Ask for the keys of every known object, spread over some time.

        Everything else has its turns meanwhile, so each object is told as it is by then, and not if it is gone.
        """
        known = [(resource, obj["metadata"]) for resource in self.cache.resources for obj in self.cache.list(resource)]
        for number, (resource, meta) in enumerate(known, 1):
            if (obj := self.cache.get(resource, meta.get("namespace"), meta["name"])) is not None:
                self._ask(resource, MODIFIED, obj, delay=random.uniform(0, spread_seconds))  # noqa: S311 - no secret
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _ask(self, resource: Resource, event_type: str, obj: Json, *, delay: float = 0.0) -> None:
        if self.is_open:
            for key in self._route(resource, event_type, obj):
                self._enqueue(key, delay)
