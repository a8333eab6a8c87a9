"""A listener behind mutual TLS that answers only those whose certificate has an expected name."""

import logging
from asyncio import sslproto
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from modelfleet.controller.serve import openai
from modelfleet.controller.serve.tls import OwnCertificate, names_of

SHUTDOWN_SECONDS = 1.0
BACKLOG = 4096
"""Connections that wait to be accepted: a wake-up, or another replica's death, brings hundreds within a millisecond."""
KEEP_ALIVE_SECONDS = 3660.0
"""Longer than Envoy keeps an idle connection (1 h), so that it never sends into one that is being closed."""
LONGEST_HEADER_BYTES = 64 * 1024
"""More than Envoy lets through in all headers together (60 KiB)."""
TLS_BUFFER_BYTES = 32 * 1024
"""
How much of a connection's data is decrypted at once; two of TLS's largest records.

asyncio keeps 256 KiB for every TLS connection, used or not: 312 KB for each held request, 91 KB like this (measured).
"""
FORBIDDEN = 403

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


class MutualTlsServer:
    """
    Serves *app* while its context is open; a handler whose client goes away is cancelled.

    The context opens without a certificate too: handshakes fail until there is one. *before_end* is called once no
    new connection is accepted, before those that are open are closed.
    """

    def __init__(
        self,
        app: web.Application,
        port: int,
        *,
        certificate: OwnCertificate,
        clients: frozenset[str],
        host: str | None = None,
        before_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._app.middlewares.append(_only(clients))
        self._host, self._port = host, port
        self._certificate = certificate
        self._before_end = before_end
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on, which the system chose if 0 was asked for."""
        addresses = self._runner.addresses if self._runner else ()
        return int(addresses[0][1]) if addresses else self._port

    async def __aenter__(self) -> Self:
        sslproto.SSLProtocol.max_size = TLS_BUFFER_BYTES  # no argument of any function leads there
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            max_line_size=LONGEST_HEADER_BYTES,
            max_field_size=LONGEST_HEADER_BYTES,
        )
        await self._runner.setup()
        self._site = web.TCPSite(
            self._runner,
            self._host,
            self._port,
            ssl_context=self._certificate.listener_context(),
            backlog=BACKLOG,
        )
        await self._site.start()
        log.info("serving with mutual TLS", extra={"port": self.port})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._site is not None:
            await self._site.stop()
        self._before_end()
        if self._runner is not None:
            await self._runner.cleanup()


def _only(clients: frozenset[str]) -> Middleware:
    """Return what refuses everybody but *clients*: the authority may be shared with others, when it is not ours."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        names = names_of(request.transport)
        if names & clients:
            return await handler(request)
        expected = ", ".join(f"`{name}`" for name in sorted(clients))
        message = f"The client's certificate must be for {expected}, got {sorted(names)}."
        return openai.error(
            request, status=FORBIDDEN, message=message, kind="invalid_request_error", code="unknown_client"
        )

    return check
