"""Whole lists of what is watched, which show what a watch has missed."""

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from modelfleet.controller.cluster.errors import ClusterError, Forbidden, NotFound
from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.watch.intake import Intake, Place

Objects = list[Json]
Key = TypeVar("Key", bound=Hashable)

log = logging.getLogger(__name__)


class Lister(Protocol):
    """The one request that lists need, as the cluster's client has it."""

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> tuple[Objects, str]:
        """Return all objects and the version they were read at, or raise `NotFound` for an unknown resource."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A resource to watch, limited by labels on the server's side; an *optional* one may be unknown to the server."""

    resource: Resource
    label_selector: str | None = None
    optional: bool = False

    def places(self, namespaces: Sequence[str]) -> tuple[Place, ...]:
        """Return where to watch it; no namespaces means all of them."""
        chosen: Sequence[str | None] = namespaces if namespaces and self.resource.namespaced else (None,)
        return tuple(Place(self.resource, namespace) for namespace in chosen)


class Lists(Generic[Key]):
    """Lists what is watched, and knows which of it the API server serves."""

    def __init__(
        self, cluster: Lister, intake: Intake[Key], watches: Sequence[Watch], *, namespaces: Sequence[str] = ()
    ) -> None:
        self._cluster, self._intake = cluster, intake
        self._namespaces = tuple(namespaces)
        self.watches = tuple(watches)
        self._selectors = {watch.resource: watch.label_selector for watch in watches}
        self.served: frozenset[Watch] = frozenset()
        self._reported: set[Watch] = set()

    async def take_all(self) -> bool:
        """List everything, and return whether all that is required could be listed."""
        results = [await self.take(watch) for watch in self.watches]
        return all(results)

    async def take_missing(self) -> None:
        """Try again what the API server did not know last time."""
        for watch in self.watches:
            if watch not in self.served:
                await self.take(watch)

    async def take(self, watch: Watch) -> bool:
        """Take in one resource, and return whether it is known; an optional one out of reach counts as empty."""
        try:
            for place in watch.places(self._namespaces):
                await self._list(place)
        except NotFound:
            return self._note_missing(watch)
        except ClusterError as error:
            _tell(watch.resource, error)
            return self._note_missing(watch) if watch.optional and isinstance(error, Forbidden) else False
        self.served |= {watch}
        self._reported.discard(watch)
        self._intake.cache.mark_listed(watch.resource)
        return True

    async def retake(self, place: Place) -> bool:
        """Take in one place again, and return whether that succeeded."""
        try:
            await self._list(place)
        except ClusterError as error:
            _tell(place.resource, error)
            return False
        return True

    async def _list(self, place: Place) -> None:
        items, version = await self._cluster.list(
            place.resource, place.namespace, label_selector=self._selectors[place.resource]
        )
        self._intake.whole_list(place, items, version)

    def _note_missing(self, watch: Watch) -> bool:
        self.served -= {watch}
        self._intake.gone(watch.resource)
        if watch.optional:
            self._intake.cache.mark_listed(watch.resource)
        elif watch not in self._reported:
            self._reported.add(watch)
            log.warning("a CRD must be installed, it is missing", extra={"resource": str(watch.resource)})
        return watch.optional


def _tell(resource: Resource, error: ClusterError) -> None:
    log.warning("a list failed", extra={"resource": str(resource), "error": str(error)})
