"""How many tokens an answer used, as the engine says in its `usage`, for the log and the counters."""

from modelfleet.gateway.render.types import Resource, extension

FOUND = "metadata.typed_filter_metadata['envoy.ai.token_usage']"
"""Where the filter leaves the counts: a CEL expression."""
IS_FOUND = "'envoy.ai.token_usage' in metadata.typed_filter_metadata"
PROMPT, COMPLETION, CACHED = "input_tokens", "output_tokens", "input_token_details.cached_tokens"
"""The fields below `FOUND`."""


def usage() -> Resource:
    """
    Return the filter that reads `usage` from answers, JSON or events, whatever their size.

    Measured with Envoy 1.40: it buffers nothing (a JSON answer of 42 MB passes and leaves memory as it was; with
    `json_to_metadata` it is 500, because that filter holds the whole answer), changes no byte, and with this protocol
    also knows the names that responses and messages have for tokens. Of a stream of Anthropic's it reads the event at
    the end alone, so the prompt's tokens are missing where only the first event has them. It is marked as work in
    progress, like `sse_to_metadata`.
    """
    found = {"include_unconfigured_routes": True, "default_llm_protocol": "OPENAI_CHAT_COMPLETIONS"}
    kind = "extensions.filters.http.ai_protocol_manager.v3.AiProtocolManager"
    return extension("usage", kind, response_handling={"token_usage": found})


def count_of(field: str) -> str:
    """
    Return the format of *field* as a number for a counter: 0 where there is none.

    Every expression that looks into what the filter found costs a twentieth of plain routing, so there are few of them.
    """
    named = f"{FOUND}.{field}"
    return f"%CEL({IS_FOUND} && has({named}) ? {named} : uint(0))%"
