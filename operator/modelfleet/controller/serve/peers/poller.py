"""Asks every replica of the operator once a second, and answers them."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp import web
from prometheus_client import Gauge

from modelfleet.controller.cluster.certificates import Holder
from modelfleet.controller.serve.peers.report import PeerView, Report, Unknown, read_report, write_report
from modelfleet.controller.serve.tls import OwnCertificate

POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 1.0
OK = 200
PATH = "/peer"

UNKNOWN_PEERS = Gauge("modelfleet_peers_unknown", "Replicas of the operator that did not answer the last time.")

log = logging.getLogger(__name__)


def peer_application(report: Callable[[], Report]) -> web.Application:
    """Return the application that tells other replicas what this one knows."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(write_report(report()))

    app = web.Application()
    app.router.add_get(PATH, answer)
    return app


class PeerPoller:
    """
    Keeps `view` at most a second old, for as long as *is_needed* says so.

    *peers* returns the address of every replica by the name of its pod; the own one is asked without a connection.
    *on_view* is called after every poll.
    """

    def __init__(
        self,
        peers: Callable[[], Mapping[str, str]],
        *,
        own_name: str,
        own: Callable[[], Report],
        certificate: OwnCertificate,
        is_needed: Callable[[], bool],
        on_view: Callable[[PeerView], None] = lambda _: None,
    ) -> None:
        self._peers = peers
        self._own_name, self._own = own_name, own
        self._certificate = certificate
        self._is_needed = is_needed
        self._on_view = on_view
        self._session: aiohttp.ClientSession | None = None
        self._silent: frozenset[str] = frozenset()
        self.view: PeerView | None = None
        """What was answered last; None until the first poll, and while no fleet may sleep."""

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            while True:
                started = time.monotonic()
                if self._is_needed():
                    await self.poll()
                else:
                    self.view = None
                await asyncio.sleep(max(0.0, started + POLL_SECONDS - time.monotonic()))
        finally:
            await self.close()

    async def poll(self) -> PeerView:
        """Ask everybody now, and return what they answered."""
        taken_at = time.monotonic()
        others = {name: url for name, url in self._peers().items() if name != self._own_name}
        answers = await asyncio.gather(*(self._ask(url) for url in others.values()))
        view = PeerView(taken_at, {self._own_name: self._own(), **dict(zip(others, answers, strict=True))})
        self.view = view
        self._tell(view)
        self._on_view(view)
        return view

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, url: str) -> Report | Unknown:
        if self._certificate.current is None:
            return Unknown("this replica has no certificate yet")
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout, trust_env=False)
        try:
            async with self._session.get(
                url + PATH, ssl=self._certificate.client_context(), server_hostname=Holder.OPERATOR.value
            ) as answer:
                if answer.status != OK:
                    return Unknown(f"answered with {answer.status}")
                return read_report(await answer.json())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Unknown(str(error) or type(error).__name__)

    def _tell(self, view: PeerView) -> None:
        """Log who falls silent and who is back, not every poll."""
        UNKNOWN_PEERS.set(len(view.unknown))
        silent = frozenset(view.unknown)
        if silent != self._silent:
            self._silent = silent
            log.info("replicas that do not answer changed", extra={"silent": dict(view.unknown)})
