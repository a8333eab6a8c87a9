"""The process's own HTTP server: metrics, liveness and readiness, on every replica whether it leads or not."""

import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder

Check = Callable[[], str | None]
"""Returns what is wrong, in one sentence, or None."""

FAILED = 503
SHUTDOWN_SECONDS = 1.0

log = logging.getLogger(__name__)


class HttpServer:
    """
    Answers `/metrics`, `/healthz` and `/readyz` while its context is open.

    A probe answers 200 when none of its checks finds a problem, else 503; the body has a line for each check. That it
    answers at all shows that the event loop is alive.
    """

    def __init__(
        self,
        port: int,
        *,
        live: Mapping[str, Check],
        ready: Mapping[str, Check],
        host: str | None = None,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._host, self._port = host, port
        self._live, self._ready = live, ready
        self._registry = registry
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on, which the system chose if 0 was asked for."""
        addresses = self._runner.addresses if self._runner else ()
        return int(addresses[0][1]) if addresses else self._port

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        log.info("serving health and metrics", extra={"port": self.port})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _healthz(self, _: web.Request) -> web.Response:
        return _probe(self._live)

    async def _readyz(self, _: web.Request) -> web.Response:
        return _probe(self._ready)


def _probe(checks: Mapping[str, Check]) -> web.Response:
    problems = {name: check() for name, check in checks.items()}
    lines = [f"{name}: {problem or 'ok'}" for name, problem in problems.items()] or ["ok"]
    return web.Response(text="\n".join(lines) + "\n", status=FAILED if any(problems.values()) else 200)
