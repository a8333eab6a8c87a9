"""The application, and what happens around each of its routes."""

import time
from http import HTTPStatus

from aiohttp import web

from e2e.engine import log
from e2e.engine.api import errors
from e2e.engine.api.context import Context
from e2e.engine.api.faults import failing
from e2e.engine.api.handlers import Handler, Middleware, OnPrepare
from e2e.engine.api.metrics import UNCOUNTED
from e2e.engine.api.routes import routes

_BODY_BYTES = 32 * 2**20
_GUARDED = ("/v1",)
_GUARDED_LATER = ("/v1", "/v2", "/inference", "/cohere")
_GUARDS_MORE_SINCE = "0.30"


def application(context: Context) -> web.Application:
    """Return the application that serves *context*."""
    most = int(context.settings.environment.get("VLLM_HTTP_MAX_REQUEST_BODY_SIZE") or _BODY_BYTES)
    around = [_counting(context), _answering_errors(context), _guarding(context), failing(context)]
    app = web.Application(client_max_size=most, middlewares=around)
    get, post = routes(context)
    for path, handler in get.items():
        app.router.add_get(path, handler)
    for path, handler in post.items():
        app.router.add_post(path, handler)
    if not context.config.option("disable_fastapi_docs"):
        app.router.add_get("/openapi.json", _description(context, [*get, *post]))
    if not context.config.option("disable_uvicorn_access_log"):
        app.on_response_prepare.append(_access_log(context))
    return app


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
    prefixes = _GUARDED_LATER if context.config.release.at_least(_GUARDS_MORE_SINCE) else _GUARDED

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
        counted = request.path not in UNCOUNTED
        context.requests += counted
        try:
            response = await handler(request)
        finally:
            context.requests -= counted
        resource = request.match_info.route.resource
        if counted and resource is not None:
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


def _description(context: Context, paths: list[str]) -> Handler:
    async def openapi(request: web.Request) -> web.Response:
        del request
        value = {"openapi": "3.1.0", "info": {"title": "vLLM API", "version": str(context.config.release)}}
        return web.json_response(value | {"paths": {path: {} for path in sorted(set(paths))}})

    return openapi


def _access_log(context: Context) -> OnPrepare:
    quiet = frozenset(str(context.config.option("disable_access_log_for_endpoints", "")).split(","))

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        if request.path in quiet:
            return
        peer = request.transport.get_extra_info("peername") if request.transport else None
        client = f"{peer[0]}:{peer[1]}" if peer else "-"
        phrase = HTTPStatus(response.status).phrase
        log.raw([f'INFO:     {client} - "{request.method} {request.path} HTTP/1.1" {response.status} {phrase}'])

    return on_prepare
