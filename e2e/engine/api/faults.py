"""Faults on demand, for tests: only with `VLLM_STANDIN_FAULTS=1`, under `/_standin/`."""

import asyncio

from aiohttp import web

from e2e.engine import log
from e2e.engine.api.context import Context
from e2e.engine.api.handlers import Handler, Middleware

_NOTICED_SECONDS = 9.8
"""From the death of a tensor-parallel worker to the first 503 of `/health`, as measured."""


class Faults:
    """The handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def kill_engine(self, request: web.Request) -> web.Response:
        """Let EngineCore die: requests fail with 500, `/health` answers 503, and the server exits with code 0."""
        del request
        self._die()
        return web.Response()

    async def kill_worker(self, request: web.Request) -> web.Response:
        """Let a worker die: everything freezes, and some seconds later the engine is found dead."""
        del request
        self._context.client.hang()
        asyncio.get_running_loop().call_later(_NOTICED_SECONDS / self._context.settings.time_factor, self._die)
        return web.Response()

    async def hang(self, request: web.Request) -> web.Response:
        """Freeze the engine for ever: `/health` answers 200, gauges keep their values, requests hang."""
        del request
        self._context.client.hang()
        return web.Response()

    async def fail(self, request: web.Request) -> web.Response:
        """Let requests fail from now on as `?how=` says, a status, "reset" or "hang"; health stays as it is."""
        self._context.failing = request.query["how"]
        return web.Response()

    def _die(self) -> None:
        log.line("EngineCore encountered a fatal error.", process=log.ENGINE_CORE, level="ERROR", source="core.py:1180")
        log.raw(["RuntimeError: killed on request"], process=log.ENGINE_CORE)
        self._context.client.die()


def failing(context: Context) -> Middleware:
    """Return what lets requests for an answer of the model fail while `Context.failing` says how."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not context.failing or request.method != "POST" or request.path.startswith("/_standin/"):
            return await handler(request)
        if context.failing == "reset" and request.transport is not None:
            request.transport.abort()
        if context.failing.isdigit():
            return web.json_response({"error": {"message": "as asked"}}, status=int(context.failing))
        return await asyncio.Future()

    return middleware
