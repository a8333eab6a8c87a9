"""What was compiled, rendered and put to the gateways as soon as something changed."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import Counter, Histogram

from modelfleet.controller.gateway.compiler import Compiler, Difference, Id
from modelfleet.controller.gateway.reach import Reach
from modelfleet.controller.gateway.rendering import Changes, Rendering
from modelfleet.controller.serve.xds.resources import Key, UnfitResources
from modelfleet.controller.serve.xds.server import Server
from modelfleet.controller.serve.xds.versions import Vector
from modelfleet.gateway.render import Replicas

PUBLISHED = Histogram(
    "modelfleet_gateway_publish_duration_seconds",
    "Time to compile, render and put what changed, in seconds.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
UNFIT = Counter("modelfleet_gateway_unfit_resources", "Resources that did not fit Envoy's schema and were left out.")

log = logging.getLogger(__name__)


class Publisher:
    """
    Publishes whenever it was woken, at most once per turn of the event loop.

    *replicas* returns who is ready now; *on_published* is told which policies are told something else.
    """

    def __init__(
        self,
        compiler: Compiler,
        rendering: Rendering,
        server: Server,
        reach: Reach,
        *,
        state: Callable[[], Vector],
        replicas: Callable[[], Replicas],
        on_published: Callable[[Iterable[Id]], None],
    ) -> None:
        self._compiler, self._rendering = compiler, rendering
        self._server, self._reach = server, reach
        self._state, self._replicas = state, replicas
        self._on_published = on_published
        self._woken = asyncio.Event()
        self.unfit: dict[str, str] = {}
        """Why a resource does not fit Envoy's schema, which only a defect explains, by its name."""

    def wake(self) -> None:
        """Ask for publishing soon."""
        self._woken.set()

    async def run(self) -> None:
        """Publish now, and whenever woken, until cancelled."""
        self._woken.set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            with PUBLISHED.time():
                self.publish()
            await asyncio.sleep(0)

    def publish(self) -> None:
        """Bring what the gateways are served up to date."""
        difference, replicas, state = self._compiler.compile(), self._replicas(), self._state()
        self._put(state, self._rendering.changes(difference, replicas))
        self._reach.note(state, self._tables(difference))
        self._on_published(difference.policies)

    def _tables(self, difference: Difference) -> dict[str, tuple[Key, ...] | None]:
        return {
            name: None if table is None else self._rendering.keys_of(table) for name, table in difference.tables.items()
        }

    def _put(self, state: Vector, changes: Changes) -> None:
        """Put *changes*; what does not fit the schema is left as it was, and the rest arrives."""
        try:
            self._server.put(state, changes)
        except UnfitResources as unfit:
            UNFIT.inc(len(unfit.errors))
            for (type_url, name), error in unfit.errors.items():
                log.error("a rendered resource does not fit", extra={"type": type_url, "resource": name})  # noqa: TRY400
                self.unfit[name] = str(error)
            self._server.put(state, _without(changes, unfit.errors))


def _without(changes: Changes, left_out: Any) -> Changes:
    return {
        type_url: {name: body for name, body in bodies.items() if (type_url, name) not in left_out}
        for type_url, bodies in changes.items()
    }
