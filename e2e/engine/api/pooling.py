"""The routes of pooling models: embeddings, scores, reranking. Their numbers are made of hashes."""

import hashlib
import time
from typing import Any

from aiohttp import web

from e2e.engine.api import generation, prompts
from e2e.engine.api.asking import ask
from e2e.engine.api.body import read
from e2e.engine.api.context import Context, request_id
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.errors import bad_request

_DIMENSIONS = 64
"""Shorter than any real embedding; `dimensions` in the request gives another length."""


class Pooling:
    """The handlers."""

    def __init__(self, context: Context, disconnects: Disconnects) -> None:
        self._context = context
        self._disconnects = disconnects

    async def embed(self, request: web.Request) -> web.Response:
        """Answer one vector for every input."""
        body = await read(request)
        given = prompts.completion(body.get("input"))
        used = await self._compute(request, body, given)
        size = generation.integer(body, "dimensions", _DIMENSIONS)
        data = [
            {"index": index, "object": "embedding", "embedding": _vector(prompt.tobytes(), size)}
            for index, prompt in enumerate(given)
        ]
        return self._answer(request, prefix="embd", used=used, object="list", data=data)

    async def score(self, request: web.Request) -> web.Response:
        """Answer how well every `text_2` fits `text_1`."""
        body = await read(request)
        texts = _list(body.get("text_2"), "text_2")
        query = str(body.get("text_1", ""))
        used = await self._compute(request, body, prompts.completion([query + text for text in texts]))
        data = [{"index": i, "object": "score", "score": _score(query, text)} for i, text in enumerate(texts)]
        return self._answer(request, prefix="score", used=used, object="list", data=data)

    async def rerank(self, request: web.Request) -> web.Response:
        """Answer the documents by how well they fit the query."""
        body = await read(request)
        documents, query = _list(body.get("documents"), "documents"), str(body.get("query", ""))
        used = await self._compute(request, body, prompts.completion([query + text for text in documents]))
        results = [
            {"index": i, "document": {"text": text}, "relevance_score": _score(query, text)}
            for i, text in enumerate(documents)
        ]
        results.sort(key=lambda result: -float(str(result["relevance_score"])))
        top = generation.integer(body, "top_n", 0) or len(results)
        return self._answer(request, prefix="rerank", used=used, results=results[:top])

    async def _compute(self, request: web.Request, body: dict[str, Any], given: list[Any]) -> int:
        """Let the engine spend the time of one pass over *given* and return the tokens of it."""
        one_token = {"model": body.get("model"), "ignore_eos": True}
        running = ask(self._context, one_token, given, asked=1).begin()
        with self._disconnects.watching(request, running):
            await running.whole()
        return running.prompt_tokens

    def _answer(self, request: web.Request, *, prefix: str, used: int, **fields: Any) -> web.Response:
        head = {"id": request_id(request, prefix), "created": int(time.time()), "model": self._context.served_name}
        return web.json_response(head | fields | {"usage": {"prompt_tokens": used, "total_tokens": used}})


def _vector(content: bytes, size: int) -> list[float]:
    stream = hashlib.shake_128(content).digest(size)
    return [round(byte / 127.5 - 1, 6) for byte in stream]


def _score(query: str, text: str) -> float:
    return round(hashlib.blake2b(f"{query}\0{text}".encode(), digest_size=1).digest()[0] / 255, 6)


def _list(value: Any, name: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts):
        return texts
    raise bad_request(f"Input should be a text or a list of texts: '{name}'", param=name)
