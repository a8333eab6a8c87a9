"""The Secrets of the namespaces that the operator may read; none is kept in memory."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import Gauge

from modelfleet.controller.cluster.errors import ClusterError, Forbidden
from modelfleet.controller.cluster.reflector import Reflector, Source
from modelfleet.controller.cluster.resources import SECRETS, Json
from modelfleet.controller.watch.cache import DELETED, MODIFIED

OnSecret = Callable[[str, Json], None]
"""Takes `DELETED` or another event, and the Secret."""

UNREAD = Gauge("modelfleet_gateway_unread_secret_namespaces", "Namespaces whose Secrets cannot be read now.")
PATIENCE_SECONDS = 10.0
"""How long everybody waits at the start for a namespace that cannot be listed."""
AGAIN_SECONDS = 5.0

log = logging.getLogger(__name__)


class Secrets:
    """
    Follows each namespace by itself: one that cannot be read holds no other up.

    *on_secret* is told of every change, *on_unread* whenever other namespaces than before are unread.
    """

    def __init__(
        self, cluster: Source, namespaces: Iterable[str], *, on_secret: OnSecret, on_unread: Callable[[], None]
    ) -> None:
        self._on_unread = on_unread
        self.reflectors = {
            namespace: follow(cluster, namespace, on_secret, partial(self._read, namespace)) for namespace in namespaces
        }
        self.unread: set[str] = set()
        """Namespaces of which a later state may exist than was read, and none of which may have been read at all."""

    async def first(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Return once all are listed, or cannot be for so long that nobody else shall wait."""
        waiting = [asyncio.create_task(each.listed.wait()) for each in self.reflectors.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=patience_seconds)
            for task in late:
                task.cancel()
        for namespace, reflector in self.reflectors.items():
            if not reflector.listed.is_set():
                self._cannot_read(namespace)

    async def relist(self, *, is_forbidden_believed: bool) -> bool:
        """
        List everything anew; what cannot be listed is unread.

        Returns False where a namespace may not be read, unless that is believed: then it counts as it is.
        """
        for namespace, reflector in self.reflectors.items():
            try:
                await reflector.relist()
            except Forbidden:
                if not is_forbidden_believed:
                    return False
            except ClusterError:
                self._cannot_read(namespace)
        return True

    async def recover(self) -> None:
        """Try again what is unread, until cancelled."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            for namespace in sorted(self.unread):
                try:
                    await self.reflectors[namespace].relist()
                except ClusterError as error:
                    log.debug("secrets cannot be listed", extra={"namespace": namespace, "error": str(error)})

    def _cannot_read(self, namespace: str) -> None:
        if namespace not in self.unread:
            log.warning("secrets cannot be read, what gateways know of them stays", extra={"namespace": namespace})
            self._tell(self.unread | {namespace})

    def _read(self, namespace: str) -> None:
        if namespace in self.unread:
            log.info("secrets are read again", extra={"namespace": namespace})
            self._tell(self.unread - {namespace})

    def _tell(self, unread: set[str]) -> None:
        self.unread = unread
        UNREAD.set(len(unread))
        self._on_unread()


def follow(cluster: Source, namespace: str, on_secret: OnSecret, on_listed: Callable[[], None]) -> Reflector:
    """Return what tells *on_secret* of every Secret of *namespace* and of what a list shows to be gone."""
    known: dict[str, Json] = {}

    def replace(items: Iterable[Json], _version: int) -> None:
        listed = {item["metadata"]["name"]: item for item in items}
        for name in known.keys() - listed.keys():
            on_secret(DELETED, known.pop(name))
        for name, secret in listed.items():
            known[name] = _without_data(secret)
            on_secret(MODIFIED, secret)
        on_listed()

    def change(event_type: str, secret: Json) -> None:
        known.pop(secret["metadata"]["name"], None)
        if event_type != DELETED:
            known[secret["metadata"]["name"]] = _without_data(secret)
        on_secret(event_type, secret)

    return Reflector(cluster, SECRETS, namespace, on_list=replace, on_event=change)


def _without_data(secret: Json) -> Json:
    """Return what it takes to tell that a Secret is gone."""
    return {"metadata": {key: secret["metadata"][key] for key in ("namespace", "name", "resourceVersion")}}
