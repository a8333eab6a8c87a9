"""What happens when a gateway has seen a later state than this replica: everything is listed anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from modelfleet.controller.gateway.vector import Version

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0

log = logging.getLogger(__name__)


class CatchUp:
    """
    Lets gateways go that are held for having seen a later state, once this replica is as new as anybody was.

    *relist* lists everything from a quorum, told how often that failed before, and returns whether it succeeded; it is
    tried again for ever. *publish* serves what was listed. *is_due* says of a state whether lists can make up for it
    at all: those of a newer release of the operator they cannot. *let_go* gets each state that was made up for.
    """

    def __init__(
        self,
        *,
        relist: Callable[[int], Awaitable[bool]],
        publish: Callable[[], Awaitable[None]],
        is_due: Callable[[Version], bool],
        let_go: Callable[[Version], None],
    ) -> None:
        self._relist, self._publish = relist, publish
        self._is_due, self._let_go = is_due, let_go
        self._waiting: set[Version] = set()
        self._asked = asyncio.Event()

    def ask(self, vector: Version) -> None:
        """Ask for what a gateway has seen that this replica has not; many gateways share one list."""
        self._waiting.add(vector)
        self._asked.set()

    async def run(self) -> None:
        """Catch up whenever it is asked for, until cancelled."""
        failures = 0
        while True:
            await self._asked.wait()
            self._asked.clear()
            failures = 0 if await self._once(failures) else failures + 1
            if self._waiting:
                await asyncio.sleep(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**failures))
                self._asked.set()

    async def _once(self, failures: int) -> bool:
        asked_before = [vector for vector in self._waiting if self._is_due(vector)]
        if not asked_before:
            return False
        if not await self._relist(failures):
            return False
        await self._publish()
        for vector in asked_before:
            self._waiting.discard(vector)
            self._let_go(vector)
        log.info("caught up with what gateways have seen", extra={"states": len(asked_before)})
        return True
