"""The routes of a server, and what happens around each of them."""

import time

from aiohttp import web

from e2e.engine.api import errors
from e2e.engine.api.admin import Admin
from e2e.engine.api.chat import ChatCompletions
from e2e.engine.api.context import Context
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.handlers import Handler, Middleware
from e2e.engine.api.metrics import UNCOUNTED

_BODY_BYTES = 32 * 2**20
_GUARDED = ("/v1",)
_GUARDED_LATER = ("/v1", "/v2", "/inference", "/cohere")


def application(context: Context) -> web.Application:
    """Return the application that serves *context*."""
    most = int(context.settings.environment.get("VLLM_HTTP_MAX_REQUEST_BODY_SIZE") or _BODY_BYTES)
    app = web.Application(
        client_max_size=most, middlewares=[_counting(context), _answering_errors(context), _guarding(context)]
    )
    _add_admin(app, context)
    if context.config.pooling:
        return app
    disconnects = Disconnects(context.client)
    app.router.add_post("/v1/chat/completions", ChatCompletions(context, disconnects).__call__)
    return app


def _add_admin(app: web.Application, context: Context) -> None:
    admin = Admin(context)
    app.router.add_get("/health", admin.health)
    app.router.add_get("/ping", admin.health)
    app.router.add_post("/ping", admin.health)
    app.router.add_get("/version", admin.version)
    app.router.add_get("/load", admin.load)
    app.router.add_get("/metrics", admin.metrics)
    app.router.add_get("/v1/models", admin.models)
    app.router.add_get("/kv_event_sources", admin.event_sources)


def _answering_errors(context: Context) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except errors.ApiError as error:
            return errors.answer(error, context.config.release)
        except web.HTTPNotFound:
            return errors.not_found()
        except web.HTTPMethodNotAllowed:
            return web.json_response({"detail": "Method Not Allowed"}, status=405)

    return middleware


def _guarding(context: Context) -> Middleware:
    """Ask for an API key on vLLM's guarded prefixes, and on nothing else: `/invocations` stays open, as measured."""
    keys = {f"Bearer {key}" for key in context.config.api_keys}
    prefixes = _GUARDED_LATER if context.config.release.at_least("0.30") else _GUARDED

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        guarded = keys and request.method != "OPTIONS" and request.path.startswith(prefixes)
        if guarded and request.headers.get("Authorization") not in keys:
            return web.json_response({"error": "Unauthorized"}, status=401)
        return await handler(request)

    return middleware


def _counting(context: Context) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        context.requests += 1
        try:
            response = await handler(request)
        finally:
            context.requests -= 1
        resource = request.match_info.route.resource
        if request.path not in UNCOUNTED and resource is not None:
            context.http_metrics.count(
                handler=resource.canonical,
                method=request.method,
                status=response.status,
                seconds=time.monotonic() - began,
                received=request.content_length or 0,
                sent=response.content_length or 0,
            )
        return response

    return middleware
