"""Clients that go away: what they asked for is aborted within half a second."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from e2e.engine.api.generation import Generation
from e2e.engine.serving.client import EngineClient

_LOOK_SECONDS = 0.25


class Disconnects:
    """Looks at the connections of requests in flight, and only while there are any."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self._watched: dict[Generation, web.Request] = {}
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, request: web.Request, generation: Generation) -> Iterator[None]:
        """Abort *generation* when the client of *request* leaves, or when the block ends before it did."""
        self._watched[generation] = request
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._look())
        try:
            yield
        finally:
            del self._watched[generation]
            self._client.abort(stream for stream in generation.streams if not stream.ended)

    async def _look(self) -> None:
        while self._watched:
            await asyncio.sleep(_LOOK_SECONDS)
            gone = [generation for generation, request in self._watched.items() if request.transport is None]
            for generation in gone:
                self._client.abort(generation.streams)
