"""The token counts of an answer, and whether a stream carries them."""

from dataclasses import dataclass
from typing import Any

from e2e.engine.api.context import Context
from e2e.engine.api.generation import Generation


@dataclass(frozen=True, slots=True)
class StreamUsage:
    """Whether a stream ends with its usage, and whether every event carries it."""

    at_end: bool
    always: bool


def usage(context: Context, generation: Generation) -> dict[str, Any]:
    """Return the usage so far."""
    prompt, completion = generation.prompt_tokens, generation.completion_tokens
    counts: dict[str, Any] = {
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens": completion,
        "prompt_tokens_details": None,
    }
    if context.config.option("enable_prompt_tokens_details") and generation.cached_tokens:
        counts["prompt_tokens_details"] = {"cached_tokens": generation.cached_tokens}
    return counts


def stream_usage(context: Context, body: dict[str, Any]) -> StreamUsage:
    """Return what `stream_options` and `--enable-force-include-usage` ask for."""
    forced = bool(context.config.option("enable_force_include_usage"))
    options = body.get("stream_options") or {}
    at_end = bool(options.get("include_usage")) or forced
    return StreamUsage(at_end=at_end, always=at_end and bool(options.get("continuous_usage_stats")))
