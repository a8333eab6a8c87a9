"""The types of handlers and middlewares, which aiohttp exports in newer releases only."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware
else:
    Middleware = Any
