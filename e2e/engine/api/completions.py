"""`/v1/completions`."""

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from e2e.engine.api import generation, prompts, sse
from e2e.engine.api.asking import Ask, ask
from e2e.engine.api.body import read
from e2e.engine.api.context import Context, request_id
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.envelope import Envelope
from e2e.engine.api.generation import Generation
from e2e.engine.api.orca import load_header
from e2e.engine.api.usage import stream_usage, usage

_KIND = "text_completion"
_DEFAULT_TOKENS = 16


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
        given = prompts.completion(body.get("prompt"))
        asked = generation.integer(body, "max_tokens", _DEFAULT_TOKENS)
        question = ask(context, body, given, asked=asked)
        answer = Envelope(request_id(request, "cmpl"), question.model)
        if body.get("stream"):
            return await sse.respond(request, self._events(request, body, answer, question), context=context)
        return await self._whole(request, answer, question.begin())

    async def _events(
        self, request: web.Request, body: dict[str, Any], answer: Envelope, question: Ask
    ) -> AsyncGenerator[bytes, None]:
        reported = stream_usage(self._context, body)
        running = question.begin()
        with self._disconnects.watching(request, running):
            async for piece in running.pieces():
                chunk = answer.around([_choice(piece.index, piece.text, piece.finish)], kind=_KIND)
                if reported.always:
                    chunk["usage"] = usage(self._context, running)
                yield sse.event_of(chunk)
        if reported.at_end:
            yield sse.event_of(answer.around([], kind=_KIND) | {"usage": usage(self._context, running)})

    async def _whole(self, request: web.Request, answer: Envelope, running: Generation) -> web.Response:
        with self._disconnects.watching(request, running):
            choices = await running.whole()
        texts = [_choice(index, text, finish) for index, (text, finish) in enumerate(choices)]
        value = answer.around(texts, kind=_KIND)
        value |= {"usage": usage(self._context, running), "service_tier": None, "system_fingerprint": None}
        return web.json_response(value, headers=load_header(request, self._context))


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish, "stop_reason": None}
