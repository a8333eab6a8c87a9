"""The types of handlers and middlewares, which aiohttp exports in newer releases only."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

OnPrepare = Callable[[web.Request, web.StreamResponse], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware as Middleware  # noqa: PLC0414 - exported on purpose
else:
    Middleware = Any
