"""Server-sent events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from e2e.engine.api.context import Context
from e2e.engine.api.errors import ApiError, body

DONE = b"data: [DONE]\n\n"


async def respond(
    request: web.Request, events: AsyncGenerator[bytes, None], *, context: Context, done: bool = True
) -> web.StreamResponse:
    """
    Send *events* and, with *done*, the end mark of OpenAI.

    The status is 200 whatever happens later: an ApiError among the events becomes an event of its own, as in vLLM.
    """
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    interval = context.config.option("sse_keep_alive_interval", 0)
    kept = _kept_alive(events, interval_seconds=interval) if interval else events
    with contextlib.suppress(ConnectionError):
        async with contextlib.aclosing(events), contextlib.aclosing(kept):
            await _send(response, kept, context=context)
        if done:
            await response.write(DONE)
        await response.write_eof()
    return response


async def _send(response: web.StreamResponse, events: AsyncGenerator[bytes, None], *, context: Context) -> None:
    try:
        async for event in events:
            await response.write(event)
    except ApiError as error:
        await response.write(event_of(body(error, context.config.release)))


async def _kept_alive(events: AsyncGenerator[bytes, None], *, interval_seconds: float) -> AsyncGenerator[bytes, None]:
    """Yield *events*, and a comment whenever none came for *interval_seconds*."""
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            await asyncio.wait({coming}, timeout=interval_seconds)
            if not coming.done():
                yield b": keep-alive\n\n"
                continue
            event = coming.result()
            if event is None:
                return
            yield event
            coming = asyncio.ensure_future(anext(events, None))
    finally:
        coming.cancel()


def event_of(value: dict[str, Any], *, name: str | None = None) -> bytes:
    """Return one event with *value* as its data."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
