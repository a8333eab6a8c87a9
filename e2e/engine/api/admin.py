"""The routes that say how the server is."""

import asyncio

from aiohttp import web

from e2e.engine.api import names
from e2e.engine.api.context import Context


class Admin:
    """Health, version, load, models and metrics."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def health(self, request: web.Request) -> web.Response:
        """Answer 200 unless the engine is dead: also while it drains, sleeps or hangs, as vLLM does."""
        del request
        return web.Response(status=503 if self._context.client.dead else 200)

    async def version(self, request: web.Request) -> web.Response:
        """Answer the release that is played."""
        del request
        return web.json_response({"version": str(self._context.config.release)})

    async def load(self, request: web.Request) -> web.Response:
        """Answer the requests in flight, and 0 unless `--enable-server-load-tracking` was given."""
        del request
        tracked = self._context.config.option("enable_server_load_tracking")
        return web.json_response({"server_load": self._context.requests if tracked else 0})

    async def models(self, request: web.Request) -> web.Response:
        """Answer every served name and adapter."""
        del request
        return web.json_response(names.cards(self._context))

    async def metrics(self, request: web.Request) -> web.Response:
        """Answer the Prometheus page."""
        del request
        await asyncio.sleep(0)
        page = self._context.exposition.page()
        return web.Response(body=page, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def event_sources(self, request: web.Request) -> web.Response:
        """Answer where KV events are published: nowhere."""
        del request
        return web.json_response({"sources": []})

    async def is_scaling(self, request: web.Request) -> web.Response:
        """Answer that no elastic scaling is under way."""
        del request
        return web.json_response({"is_scaling_elastic_ep": False})
