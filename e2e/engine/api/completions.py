"""`/v1/completions`."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from e2e.engine.api import generation, names, prompts, sse
from e2e.engine.api.body import read
from e2e.engine.api.context import Context, request_id
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.generation import Generation
from e2e.engine.api.orca import load_header
from e2e.engine.api.usage import stream_usage, usage

_DEFAULT_TOKENS = 16


@dataclass(frozen=True, slots=True)
class _Answer:
    id: str
    model: str
    created: int

    def with_choices(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }


class Completions:
    """The handler."""

    def __init__(self, context: Context, disconnects: Disconnects) -> None:
        self._context = context
        self._disconnects = disconnects

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Continue one or more prompts, at once or as a stream."""
        return await self.answer(request, await read(request))

    async def answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """Answer *body*."""
        context = self._context
        adapter = names.resolve(context, body.get("model"))
        given = prompts.completion(body.get("prompt"))
        asked = generation.integer(body, "max_tokens", _DEFAULT_TOKENS)
        room = min(generation.room(context, prompt_tokens=len(prompt), asked=asked) for prompt in given)
        wanted = generation.sampling(body, max_tokens=room)
        generation.refuse_while_ending(context)
        answer = _Answer(request_id(request, "cmpl"), names.answered_name(context, adapter), int(time.time()))

        def begin() -> Generation:
            return generation.begin(context, prompts=given, wanted=wanted, adapter=adapter, asked=asked)

        if body.get("stream"):
            events = self._events(request, body, answer, begin)
            return await sse.respond(request, events, context=context)
        return await self._whole(request, answer, begin())

    async def _events(
        self, request: web.Request, body: dict[str, Any], answer: _Answer, begin: generation.Begin
    ) -> AsyncIterator[bytes]:
        reported = stream_usage(self._context, body)
        running = begin()
        with self._disconnects.watching(request, running):
            async for piece in running.pieces():
                chunk = answer.with_choices([_choice(piece.index, piece.text, piece.finish)])
                if reported.always:
                    chunk["usage"] = usage(self._context, running)
                yield sse.event_of(chunk)
        if reported.at_end:
            yield sse.event_of(answer.with_choices([]) | {"usage": usage(self._context, running)})

    async def _whole(self, request: web.Request, answer: _Answer, running: Generation) -> web.Response:
        with self._disconnects.watching(request, running):
            choices = await running.whole()
        value = answer.with_choices([_choice(index, text, finish) for index, (text, finish) in enumerate(choices)])
        value |= {"usage": usage(self._context, running), "service_tier": None, "system_fingerprint": None}
        return web.json_response(value, headers=load_header(request, self._context))


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish, "stop_reason": None}
