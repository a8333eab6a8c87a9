"""What was compiled, rendered and put to the gateways as soon as something changed."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable

from prometheus_client import Counter, Histogram

from modelfleet.controller.gateway.compiler import Compiler, Difference, Id
from modelfleet.controller.gateway.reach import Reach
from modelfleet.controller.gateway.rendering import Changes, Rendering
from modelfleet.controller.serve.xds.resources import Gap, Key, Prepared, UnfitResources
from modelfleet.controller.serve.xds.server import Server
from modelfleet.controller.serve.xds.versions import Vector
from modelfleet.gateway.render import Replicas

PUBLISHED = Histogram(
    "modelfleet_gateway_publish_duration_seconds",
    "Time to compile, render and put what changed, in seconds.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
UNFIT = Counter("modelfleet_gateway_unfit_resources", "Resources that did not fit Envoy's schema and were left out.")
AT_ONCE = 32
"""Objects or resources that are worked on in one piece: some 15 ms (measured, 0.5 ms each)."""

log = logging.getLogger(__name__)


class Publisher:
    """
    Publishes whenever it was woken, at most once per turn of the event loop.

    *gap* returns what could not be read, *replicas* who is ready now; *on_published* is told which policies are told
    something else.
    """

    def __init__(
        self,
        compiler: Compiler,
        rendering: Rendering,
        server: Server,
        reach: Reach,
        *,
        state: Callable[[], Vector],
        gap: Callable[[], Gap | None],
        replicas: Callable[[], Replicas],
        on_published: Callable[[Iterable[Id]], None],
    ) -> None:
        self._compiler, self._rendering = compiler, rendering
        self._server, self._reach = server, reach
        self._state, self._gap, self._replicas = state, gap, replicas
        self._on_published = on_published
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()
        self._unfit: dict[Key, str] = {}
        """Why a resource does not fit Envoy's schema, which only a defect explains."""

    def wake(self) -> None:
        """Ask for publishing soon."""
        self._woken.set()

    @property
    def is_under_way(self) -> bool:
        """Return whether something was compiled that is not put yet."""
        return self._turn.locked()

    async def run(self) -> None:
        """Publish now, and whenever woken, until cancelled."""
        self._woken.set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self.publish()
            await asyncio.sleep(0)

    async def publish(self) -> None:
        """Bring what the gateways are served up to date; much of it leaves time for everything else."""
        async with self._turn:
            with PUBLISHED.time():
                state, gap, replicas = self._state(), self._gap(), self._replicas()
                difference, changes = Difference(), Changes()
                await _gently(self._compiler.steps(difference))
                await _gently(self._rendering.steps(difference, replicas, changes))
                self._server.put_prepared(state, await self._prepared(changes), gap)
                self._reach.note(state, difference.tables, self._unfit)
        self._on_published(difference.policies)

    async def _prepared(self, changes: Changes) -> Prepared:
        """Return what of *changes* fits the schema; the rest is left as it was, with all that belongs to it."""
        self._unfit = {key: why for key, why in self._unfit.items() if key[1] not in changes.get(key[0], {})}
        try:
            return await self._fitting(changes)
        except UnfitResources as unfit:
            UNFIT.inc(len(unfit.errors))
            for type_url, name in unfit.errors:
                log.error("a rendered resource does not fit", extra={"type": type_url, "resource": name})  # noqa: TRY400
            self._unfit |= {key: str(error) for key, error in unfit.errors.items()}
            return await self._fitting(_without(changes, self._rendering.together_with(unfit.errors)))

    async def _fitting(self, changes: Changes) -> Prepared:
        """Prepare in a thread what takes long."""
        if sum(map(len, changes.values())) <= AT_ONCE:
            return self._server.prepare(changes)
        return await asyncio.to_thread(self._server.prepare, changes)


async def _gently(steps: Iterable[None]) -> None:
    """Take *steps*, and let everything else have a turn now and then."""
    for count, _ in enumerate(steps, 1):
        if count % AT_ONCE == 0:
            await asyncio.sleep(0)


def _without(changes: Changes, left_out: Collection[Key]) -> Changes:
    return {
        type_url: {name: body for name, body in bodies.items() if (type_url, name) not in left_out}
        for type_url, bodies in changes.items()
    }
