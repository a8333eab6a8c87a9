"""
A look at every request of kopf, on its way.

What passes here tells three things kopf does not: the whole list behind a re-list, which is the only way to know what
vanished while a watch was interrupted; when each watch tried last; and that nothing was written.
"""

import json
import time
from collections.abc import Callable, Iterable

import aiohttp

from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.watch import metrics
from modelfleet.controller.watch.intake import Place

OK = 200

OnList = Callable[[Place, Json], None]


class WriteRefused(RuntimeError):  # noqa: N818 - says what happened
    """kopf was about to write."""


class Tap:
    """Middleware of kopf's HTTP session; *prefix* is the path of the API server's address."""

    def __init__(
        self,
        places: Iterable[Place],
        *,
        on_list: OnList,
        prefix: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = {prefix.rstrip("/") + place.resource.path(place.namespace): place for place in places}
        self._on_list = on_list
        self._clock = clock
        self._tried_at = dict.fromkeys(self._places.values(), clock())

    def stale(self, seconds: float) -> tuple[Place, ...]:
        """Return the places for which nothing was asked for *seconds*, whatever the answers were."""
        now = self._clock()
        return tuple(place for place, tried_at in self._tried_at.items() if now - tried_at > seconds)

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Pass *request* on, and look at what comes back."""
        if request.method != "GET":
            raise WriteRefused(f"watches must only read, kopf was about to {request.method} {request.url.path}")
        place = self._places.get(request.url.path)
        if place is None:
            return await handler(request)  # discovery
        self._tried_at[place] = self._clock()
        response = await handler(request)
        if response.status == OK:
            metrics.CONNECTED_AT.labels(place.resource.plural).set_to_current_time()
            if "watch" not in request.url.query:
                self._on_list(place, json.loads(await response.read()))
        return response
