"""`/v1/chat/completions`."""

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from e2e.engine.api import generation, prompts, sse
from e2e.engine.api.asking import Ask, ask
from e2e.engine.api.body import read
from e2e.engine.api.context import Context, request_id
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.envelope import Envelope
from e2e.engine.api.errors import bad_request
from e2e.engine.api.generation import Generation, Piece
from e2e.engine.api.orca import load_header
from e2e.engine.api.usage import stream_usage, usage

_CHUNK = "chat.completion.chunk"


class ChatCompletions:
    """The handler."""

    def __init__(self, context: Context, disconnects: Disconnects) -> None:
        self._context = context
        self._disconnects = disconnects

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer a conversation, at once or as a stream."""
        return await self.answer(request, await read(request))

    async def answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        """Answer *body*."""
        context = self._context
        _check_tools(context, body)
        prompt = prompts.chat(body.get("messages"))
        asked = generation.optional(body, "max_completion_tokens")
        asked = generation.optional(body, "max_tokens") if asked is None else asked
        question = ask(context, body, [prompt], asked=asked)
        answer = Envelope(request_id(request, "chatcmpl"), question.model)
        if body.get("stream"):
            return await sse.respond(request, self._events(request, body, answer, question), context=context)
        return await self._whole(request, answer, question.begin())

    async def _events(
        self, request: web.Request, body: dict[str, Any], answer: Envelope, question: Ask
    ) -> AsyncGenerator[bytes, None]:
        reported = stream_usage(self._context, body)
        started: set[int] = set()
        running = question.begin()
        with self._disconnects.watching(request, running):
            async for piece in running.pieces():
                for choice in _chunk_choices(piece, started):
                    chunk = answer.around([choice], kind=_CHUNK)
                    if reported.always:
                        chunk["usage"] = usage(self._context, running)
                    yield sse.event_of(chunk)
        if reported.at_end:
            yield sse.event_of(answer.around([], kind=_CHUNK) | {"usage": usage(self._context, running)})

    async def _whole(self, request: web.Request, answer: Envelope, running: Generation) -> web.Response:
        with self._disconnects.watching(request, running):
            choices = await running.whole()
        texts = [_choice(index, text, finish) for index, (text, finish) in enumerate(choices)]
        value = answer.around(texts, kind="chat.completion") | {
            "service_tier": None,
            "system_fingerprint": None,
            "usage": usage(self._context, running),
            "prompt_logprobs": None,
            "kv_transfer_params": None,
        }
        return web.json_response(value, headers=load_header(request, self._context))


def _chunk_choices(piece: Piece, started: set[int]) -> list[dict[str, Any]]:
    """Return the choices of the chunks for *piece*; the first piece of a choice is preceded by its role."""
    choices: list[dict[str, Any]] = []
    if piece.index not in started:
        started.add(piece.index)
        choices.append(_delta(piece.index, {"role": "assistant", "content": ""}))
    finished = {"finish_reason": piece.finish, "stop_reason": None} if piece.finish else {}
    return [*choices, _delta(piece.index, {"content": piece.text}) | finished]


def _delta(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None}


def _choice(index: int, text: str, finish: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text,
        "refusal": None,
        "tool_calls": [],
        "reasoning_content": None,
    }
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish, "stop_reason": None}


def _check_tools(context: Context, body: dict[str, Any]) -> None:
    automatic = body.get("tools") and body.get("tool_choice", "auto") == "auto"
    if automatic and not context.config.option("enable_auto_tool_choice"):
        raise bad_request('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set')
