"""A request on its way through the engine: what it asks for, and the text that comes back."""

from __future__ import annotations  # `array[int]` cannot be evaluated before Python 3.12

import asyncio
import time
import zlib
from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from e2e.engine.api.context import Context
from e2e.engine.api.errors import bad_request, internal, overloaded
from e2e.engine.core import text
from e2e.engine.core.sequence import Finish, Sequence
from e2e.engine.launch.config import Adapter
from e2e.engine.serving.client import QueueFullError, ShuttingDownError
from e2e.engine.serving.stream import Delta, EngineDeadError, Stream

_MOST_SEARCHED_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Sampling:
    """What of a request decides how much is generated."""

    max_tokens: int
    n: int = 1
    min_tokens: int = 0
    ignore_eos: bool = False
    stop: tuple[str, ...] = ()
    seed: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """New text of one choice; the last piece of a choice says how it finished."""

    index: int
    text: str
    tokens: int
    finish: Finish | None


@dataclass(frozen=True, slots=True)
class _Choice:
    stream: Stream
    length: int | None


class Generation:
    """The choices of one request, in flight."""

    def __init__(self, prompts: list[array[int]], choices: list[_Choice]) -> None:
        self.prompt_tokens = sum(len(prompt) for prompt in prompts)
        self.completion_tokens = 0
        self._choices = choices

    @property
    def streams(self) -> list[Stream]:
        """What the engine has for it."""
        return [choice.stream for choice in self._choices]

    @property
    def cached_tokens(self) -> int:
        """Prompt tokens that were found in the prefix cache."""
        return sum(stream.sequence.cached for stream in self.streams)

    async def pieces(self) -> AsyncIterator[Piece]:
        """Yield text as it comes, of all choices; raise ApiError when the engine dies."""
        source = self._only() if len(self._choices) == 1 else self._merged()
        try:
            async for piece in source:
                yield piece
        except EngineDeadError as error:
            raise internal(str(error)) from error

    async def whole(self) -> list[tuple[str, Finish]]:
        """Return text and finish reason of every choice, when all have ended."""
        texts = [""] * len(self._choices)
        finishes: list[Finish] = ["stop"] * len(self._choices)
        async for piece in self.pieces():
            texts[piece.index] += piece.text
            finishes[piece.index] = piece.finish or finishes[piece.index]
        return list(zip(texts, finishes, strict=True))

    async def _only(self) -> AsyncIterator[Piece]:
        finish: Finish | None = None
        while finish is None:
            piece = self._piece(0, await self._choices[0].stream.next())
            finish = piece.finish
            yield piece

    async def _merged(self) -> AsyncIterator[Piece]:
        pending = {asyncio.ensure_future(choice.stream.next()): index for index, choice in enumerate(self._choices)}
        try:
            while pending:
                done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    index = pending.pop(future)
                    piece = self._piece(index, future.result())
                    if piece.finish is None:
                        pending[asyncio.ensure_future(self._choices[index].stream.next())] = index
                    yield piece
        finally:
            for future in pending:
                future.cancel()

    def _piece(self, index: int, delta: Delta) -> Piece:
        choice = self._choices[index]
        seed = choice.stream.sequence.seed
        produced = text.output_text(seed, start=delta.start, stop=delta.stop)
        if choice.length is not None:
            produced = produced[: max(choice.length - 4 * delta.start, 0)]
        self.completion_tokens += delta.stop - delta.start
        return Piece(index=index, text=produced, tokens=delta.stop - delta.start, finish=delta.finish)


def sampling(body: dict[str, Any], *, max_tokens: int) -> Sampling:
    """Return what *body* asks for; raise ApiError 400 for values out of range."""
    wanted = Sampling(
        max_tokens=max_tokens,
        n=integer(body, "n", 1),
        min_tokens=integer(body, "min_tokens", 0),
        ignore_eos=bool(body.get("ignore_eos")),
        stop=_stops(body.get("stop")),
        seed=integer(body, "seed", 0),
        priority=integer(body, "priority", 0),
    )
    if wanted.max_tokens < 1:
        raise bad_request(f"max_tokens must be at least 1, got {wanted.max_tokens}.", param="max_tokens")
    if wanted.n < 1:
        raise bad_request(f"n must be at least 1, got {wanted.n}.", param="n")
    if not 0 <= wanted.min_tokens <= wanted.max_tokens:
        raise bad_request(
            f"min_tokens must be less than or equal to max_tokens={wanted.max_tokens}, got {wanted.min_tokens}."
        )
    return wanted


def integer(body: dict[str, Any], name: str, default: int) -> int:
    """Return the integer *name* of *body*; raise ApiError 400 for anything else."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request(f"Input should be a valid integer: '{name}' was {value!r}.", param=name)
    return value


def optional(body: dict[str, Any], name: str) -> int | None:
    """Return the integer *name* of *body*, None when it has none."""
    return None if body.get(name) is None else integer(body, name, 0)


def room(context: Context, *, prompt_tokens: int, asked: int | None) -> int:
    """Return how many tokens may be generated; raise ApiError 400 when prompt and answer exceed the context."""
    most = context.config.max_model_len
    if prompt_tokens >= most:
        raise bad_request(
            f"This model's maximum context length is {most} tokens. However, your request has {prompt_tokens} input "
            "tokens. Please reduce the length of the input messages.",
            param="input_tokens",
        )
    if asked is not None and asked > most - prompt_tokens:
        raise bad_request(
            f"'max_tokens' or 'max_completion_tokens' is too large: {asked}. This model's maximum context length is "
            f"{most} tokens and your request has {prompt_tokens} input tokens ({asked} > {most} - {prompt_tokens}).",
            param="max_tokens",
        )
    return most - prompt_tokens if asked is None else asked


def refuse_while_ending(context: Context) -> None:
    """Raise ApiError 500 when the server shuts down or its engine is dead, before a stream begins with 200."""
    if context.client.draining:
        raise internal(str(ShuttingDownError()))
    if context.client.dead:
        raise internal(str(EngineDeadError()))


def begin(
    context: Context, *, prompts: list[array[int]], wanted: Sampling, adapter: Adapter | None, asked: int | None
) -> Generation:
    """Submit *prompts*; raise ApiError when the server shuts down, is full, or its engine is dead."""
    if wanted.priority and not context.config.limits.by_priority:
        raise bad_request(
            f"Got priority {wanted.priority} but Priority scheduling is not enabled. To use priority, start vLLM with "
            "--scheduling-policy priority."
        )
    plans = [_plan(prompt, wanted, index) for prompt in prompts for index in range(wanted.n)]
    for sequence, _ in plans:
        sequence.adapter = adapter.name if adapter else None
        sequence.max_tokens = asked
    try:
        streams = context.client.submit([sequence for sequence, _ in plans])
    except QueueFullError as error:
        raise overloaded(str(error)) from error
    except (ShuttingDownError, EngineDeadError) as error:
        raise internal(str(error)) from error
    choices = [_Choice(stream, length) for stream, (_, length) in zip(streams, plans, strict=True)]
    return Generation(prompts, choices)


def _plan(prompt: array[int], wanted: Sampling, index: int) -> tuple[Sequence, int | None]:
    seed = zlib.crc32(prompt.tobytes()) ^ (0x9E3779B1 * (index + wanted.seed) & 0xFFFFFFFF)
    natural = max(text.natural_length(seed), wanted.min_tokens)
    tokens, finish = (natural, "stop") if natural <= wanted.max_tokens else (wanted.max_tokens, "length")
    if wanted.ignore_eos:
        tokens, finish = wanted.max_tokens, "length"
    length = _stop_position(seed, tokens, wanted.stop)
    if length is not None:
        tokens, finish = -(-length[1] // 4), "stop"
    sequence = Sequence(
        prompt=prompt,
        output_tokens=tokens,
        arrived=time.monotonic(),
        finish="stop" if finish == "stop" else "length",
        seed=seed,
        priority=wanted.priority,
        parallel=wanted.n,
    )
    return sequence, length[0] if length else None


def _stop_position(seed: int, tokens: int, stops: tuple[str, ...]) -> tuple[int, int] | None:
    """Return where the earliest of *stops* begins and ends in the text to come, None when it does not occur."""
    if not stops:
        return None
    whole = text.output_text(seed, start=0, stop=min(tokens, _MOST_SEARCHED_TOKENS))
    found = [(whole.find(stop), whole.find(stop) + len(stop)) for stop in stops if stop and stop in whole]
    return min(found, default=None)


def _stops(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
