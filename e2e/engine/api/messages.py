"""`/v1/messages`, in the shape of Anthropic's API."""

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from e2e.engine.api import generation, names, prompts, sse
from e2e.engine.api.asking import Ask, ask
from e2e.engine.api.body import read
from e2e.engine.api.context import Context, request_id
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.errors import bad_request
from e2e.engine.api.generation import Generation

_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}


class Messages:
    """The handlers."""

    def __init__(self, context: Context, disconnects: Disconnects) -> None:
        self._context = context
        self._disconnects = disconnects

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Answer a conversation, at once or as a stream of events."""
        context, body = self._context, await read(request)
        asked = generation.optional(body, "max_tokens")
        if asked is None:
            raise bad_request("Field required: 'max_tokens'", param="max_tokens")
        question = ask(context, body, [prompts.chat(_conversation(body))], asked=asked)
        head = _head(request_id(request, "msg"), question.model)
        if body.get("stream"):
            return await sse.respond(request, self._events(request, head, question), context=context, done=False)
        running = question.begin()
        with self._disconnects.watching(request, running):
            ((text, finish),) = await running.whole()
        value = head | {"content": [{"type": "text", "text": text}], "stop_reason": _stop_reason(finish)}
        return web.json_response(value | {"usage": _usage(running)})

    async def count(self, request: web.Request) -> web.Response:
        """Answer the number of tokens of a conversation."""
        body = await read(request)
        names.resolve(self._context, body.get("model"))
        return web.json_response({"input_tokens": len(prompts.chat(_conversation(body)))})

    async def _events(self, request: web.Request, head: dict[str, Any], question: Ask) -> AsyncGenerator[bytes, None]:
        running = question.begin()
        yield _event("message_start", message=head | {"usage": _usage(running)})
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        finish: str = "stop"
        with self._disconnects.watching(request, running):
            async for piece in running.pieces():
                yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece.text})
                finish = piece.finish or finish
        yield _event("content_block_stop", index=0)
        yield _event("message_delta", delta={"stop_reason": _stop_reason(finish)}, usage=_usage(running))
        yield _event("message_stop")


def _conversation(body: dict[str, Any]) -> Any:
    messages, system = body.get("messages"), body.get("system")
    if system and isinstance(messages, list):
        return [{"role": "system", "content": system}, *messages]
    return messages


def _head(identity: str, model: str) -> dict[str, Any]:
    return {
        "id": identity,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_reason(finish: str) -> str:
    return _STOP_REASONS.get(finish, finish)


def _usage(running: Generation) -> dict[str, int]:
    return {"input_tokens": running.prompt_tokens, "output_tokens": running.completion_tokens}


def _event(name: str, **fields: Any) -> bytes:
    return sse.event_of({"type": name, **fields}, name=name)
