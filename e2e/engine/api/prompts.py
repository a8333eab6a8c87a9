"""Prompts as tokens."""

from __future__ import annotations  # `array[int]` cannot be evaluated before Python 3.12

from array import array
from typing import Any

from e2e.engine.api.errors import bad_request
from e2e.engine.core.text import tokenize

_TURN = tokenize("<|turn|>")
_END = tokenize("<|end|>\n")


def chat(messages: Any) -> array[int]:
    """Return the tokens of a conversation, up to where the model answers; raise ApiError 400 when it is none."""
    if not isinstance(messages, list) or not messages:
        raise bad_request("Field required: 'messages' must be a list of at least one message.", param="messages")
    tokens = array("Q")
    for message in messages:
        _add_turn(tokens, message)
    tokens.extend(_TURN)
    tokens.extend(tokenize("assistant"))
    return tokens


def completion(prompt: Any) -> list[array[int]]:
    """Return the prompts of a completion request: a text, a list of texts, tokens, or a list of those."""
    if isinstance(prompt, str):
        return [tokenize(prompt)]
    if isinstance(prompt, list) and prompt and all(isinstance(part, int) for part in prompt):
        return [_ids(prompt)]
    if isinstance(prompt, list) and prompt:
        return [found for part in prompt for found in completion(part)]
    raise bad_request("Either prompt or prompt_embeds must be provided and non-empty.", param="prompt")


def _add_turn(tokens: array[int], message: Any) -> None:
    if not isinstance(message, dict) or "role" not in message:
        raise bad_request("Field required: every message must have a 'role'.", param="messages")
    tokens.extend(_TURN)
    tokens.extend(tokenize(str(message["role"])))
    for text in _texts(message.get("content")):
        tokens.extend(tokenize(text))
    tokens.extend(_END)


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [str(part.get("text", "")) if isinstance(part, dict) else str(part) for part in parts]


def _ids(prompt: list[int]) -> array[int]:
    try:
        return array("Q", prompt)
    except (OverflowError, TypeError) as error:
        raise bad_request("Token id is out of vocabulary.", param="prompt") from error
