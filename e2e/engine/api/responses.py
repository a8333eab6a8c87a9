"""`/v1/responses`: one answer, as text."""

import time
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from e2e.engine.api import generation, prompts, sse
from e2e.engine.api.asking import Ask, ask
from e2e.engine.api.body import read
from e2e.engine.api.context import Context, request_id
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.generation import Generation


@dataclass(slots=True)
class _Answer:
    id: str
    model: str
    created: int
    item: str = field(default_factory=lambda: f"msg_{uuid.uuid4().hex}")
    text: str = ""
    status: str = "in_progress"
    tokens: tuple[int, int] = (0, 0)

    def value(self) -> dict[str, Any]:
        message = {
            "id": self.item,
            "type": "message",
            "role": "assistant",
            "status": self.status,
            "content": [{"type": "output_text", "text": self.text, "annotations": [], "logprobs": None}],
        }
        prompt, completion = self.tokens
        counts = {"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion}
        finished = self.status != "in_progress"
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "model": self.model,
            "status": self.status,
            "output": [message] if finished else [],
            "usage": counts if finished else None,
        }

    def end(self, finish: str, running: Generation) -> None:
        self.status = {"stop": "completed", "length": "incomplete"}.get(finish, "cancelled")
        self.tokens = (running.prompt_tokens, running.completion_tokens)


class Responses:
    """The handler."""

    def __init__(self, context: Context, disconnects: Disconnects) -> None:
        self._context = context
        self._disconnects = disconnects

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer `input`, a text or a list of messages, at once or as a stream of events."""
        context, body = self._context, await read(request)
        asked = generation.optional(body, "max_output_tokens")
        question = ask(context, body, [prompts.chat(_messages(body))], asked=asked)
        answer = _Answer(request_id(request, "resp"), question.model, int(time.time()))
        if body.get("stream"):
            return await sse.respond(request, self._events(request, answer, question), context=context, done=False)
        running = question.begin()
        with self._disconnects.watching(request, running):
            ((answer.text, finish),) = await running.whole()
        answer.end(finish, running)
        return web.json_response(answer.value())

    async def _events(self, request: web.Request, answer: _Answer, question: Ask) -> AsyncGenerator[bytes, None]:
        running = question.begin()
        place = {"item_id": answer.item, "output_index": 0, "content_index": 0}
        yield _event("response.created", response=answer.value())
        yield _event("response.output_item.added", output_index=0, item={"id": answer.item, "type": "message"})
        with self._disconnects.watching(request, running):
            async for piece in running.pieces():
                answer.text += piece.text
                yield _event("response.output_text.delta", **place, delta=piece.text)
                if piece.finish:
                    answer.end(piece.finish, running)
        yield _event("response.output_text.done", **place, text=answer.text)
        yield _event("response.output_item.done", output_index=0, item=answer.value()["output"][0])
        yield _event(f"response.{answer.status}", response=answer.value())


def _messages(body: dict[str, Any]) -> Any:
    given = body.get("input")
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    if body.get("instructions") and isinstance(messages, list):
        return [{"role": "system", "content": body["instructions"]}, *messages]
    return messages


def _event(name: str, **fields: Any) -> bytes:
    return sse.event_of({"type": name, **fields}, name=name)
