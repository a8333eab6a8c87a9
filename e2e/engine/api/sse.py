"""Server-sent events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from e2e.engine.api.context import Context
from e2e.engine.api.errors import ApiError, body

DONE = b"data: [DONE]\n\n"


async def respond(
    request: web.Request, events: AsyncIterator[bytes], *, context: Context, done: bool = True
) -> web.StreamResponse:
    """
    Send *events* and, with *done*, the end mark of OpenAI.

    The status is 200 whatever happens later: an ApiError among the events becomes an event of its own, as in vLLM.
    """
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await _send(response, _alive(events, context.config.option("sse_keep_alive_interval", 0)), context=context)
        if done:
            await response.write(DONE)
        await response.write_eof()
    return response


async def _send(response: web.StreamResponse, events: AsyncIterator[bytes], *, context: Context) -> None:
    try:
        async for event in events:
            await response.write(event)
    except ApiError as error:
        await response.write(event_of(body(error, context.config.release)))


async def _alive(events: AsyncIterator[bytes], interval_seconds: float) -> AsyncIterator[bytes]:
    """Yield *events*, and a comment whenever none came for *interval_seconds*; 0 is never."""
    if not interval_seconds:
        async for event in events:
            yield event
        return
    coming = asyncio.ensure_future(anext(events, None))
    while True:
        await asyncio.wait({coming}, timeout=interval_seconds)
        if not coming.done():
            yield b": keep-alive\n\n"
            continue
        last = coming.result()
        if last is None:
            return
        yield last
        coming = asyncio.ensure_future(anext(events, None))


def event_of(value: dict[str, Any], *, name: str | None = None) -> bytes:
    """Return one event with *value* as its data."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
