"""`/tokenize` and `/detokenize`."""

from typing import Any

from aiohttp import web

from e2e.engine.api import names, prompts
from e2e.engine.api.body import read
from e2e.engine.api.context import Context
from e2e.engine.api.errors import bad_request
from e2e.engine.core.text import detokenize


class Tokens:
    """The handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def tokenize(self, request: web.Request) -> web.Response:
        """Answer the tokens of a prompt or of a conversation."""
        body = await read(request)
        names.resolve(self._context, body.get("model"))
        tokens = list(
            prompts.chat(body["messages"]) if "messages" in body else prompts.completion(body.get("prompt"))[0]
        )
        value = {"count": len(tokens), "max_model_len": self._context.config.max_model_len, "tokens": tokens}
        return web.json_response(value | {"token_strs": None})

    async def detokenize(self, request: web.Request) -> web.Response:
        """Answer the text of tokens."""
        body = await read(request)
        names.resolve(self._context, body.get("model"))
        return web.json_response({"prompt": detokenize(_token_list(body.get("tokens")))})


def _token_list(value: Any) -> list[int]:
    if isinstance(value, list) and all(isinstance(token, int) and token >= 0 for token in value):
        return value
    raise bad_request("Input should be a valid list of token ids: 'tokens'", param="tokens")
