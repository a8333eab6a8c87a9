"""What the activator asks about fleets that may sleep."""

from collections.abc import Callable

from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.controller.serve.activator.cold_start import ColdStarts
from modelfleet.controller.serve.activator.decide import Sleeper
from modelfleet.controller.serve.peers.report import PeerView, everybody_has
from modelfleet.controller.serve.xds.server import Server
from modelfleet.controller.serve.xds.versions import is_at_least
from modelfleet.gateway.ir import Address
from modelfleet.gateway.schema.type_urls import EDS


class SleepingFleets:
    """Knows from what was compiled, put and acknowledged."""

    def __init__(
        self,
        compiler: Compiler,
        server: Server,
        *,
        addresses: Callable[[str], tuple[Address, ...]],
        cold_starts: ColdStarts,
        start_budget: Callable[[str], float],
        view: Callable[[], PeerView | None],
    ) -> None:
        self._compiler, self._server = compiler, server
        self._addresses = addresses
        self._cold_starts, self._start_budget = cold_starts, start_budget
        self._view = view

    def names(self) -> list[str]:
        """Return the fleets that may sleep."""
        return [name for name, pool in self._compiler.pools.items() if pool.sleep]

    def get(self, target: str) -> Sleeper | None:
        """Return the fleet as it is now, or None when it is unknown or never sleeps."""
        pool = self._compiler.pools.get(target)
        if pool is None or pool.sleep is None:
            return None
        is_ready = bool(self._addresses(target))
        return Sleeper(
            hold_seconds=pool.sleep.hold_seconds,
            falls_back=pool.sleep.falls_back,
            cold_start_seconds=self._cold_starts.usual_seconds(target, budget_seconds=self._start_budget(target)),
            is_ready=is_ready,
            is_acknowledged=is_ready and self._everybody_has(target),
        )

    def _everybody_has(self, target: str) -> bool:
        version, view = self._server.version((EDS, target)), self._view()
        if version is None or view is None or not all(self._server.reached((EDS, target), version).values()):
            return False
        return everybody_has(version, target, view, is_at_least=is_at_least) is True
