"""Server-sent events."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from e2e.engine.api.errors import ApiError, body
from e2e.engine.release import Release

DONE = b"data: [DONE]\n\n"


async def respond(
    request: web.Request, events: AsyncIterator[bytes], *, release: Release, done: bool = True
) -> web.StreamResponse:
    """
    Send *events* and, with *done*, the end mark of OpenAI.

    The status is 200 whatever happens later: an ApiError among the events becomes an event of its own, as in vLLM.
    """
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await _send(response, events, release=release)
        if done:
            await response.write(DONE)
        await response.write_eof()
    return response


async def _send(response: web.StreamResponse, events: AsyncIterator[bytes], *, release: Release) -> None:
    try:
        async for event in events:
            await response.write(event)
    except ApiError as error:
        await response.write(event_of(body(error, release)))


def event_of(value: dict[str, Any], *, name: str | None = None) -> bytes:
    """Return one event with *value* as its data."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
