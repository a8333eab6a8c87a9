"""How many tokens an answer used, as the engine says in its `usage`, for the log and the counters."""

from functools import cache
from importlib.resources import files

from modelfleet.gateway.render.filters.body import NAMESPACE
from modelfleet.gateway.render.types import Resource, extension

NAME = "usage"
PROMPT, COMPLETION, CACHED = "prompt_tokens", "completion_tokens", "cached_tokens"


def usage() -> Resource:
    """
    Return the filter that reads `usage` from answers, JSON or events, whatever their size.

    It holds back nothing and changes no byte. Counted with Envoy 1.40 (instructions of a request, in thousands, of 644
    for a JSON answer and 923 for a stream of 16 events with everything on): Envoy's own `ai_protocol_manager`, with the
    CEL expressions that what it finds takes to read, 170 and 420; this script a fifth of that. `json_to_metadata`
    answers 500 where an answer is greater than its buffer.
    """
    code = {"inline_string": _source()}
    return extension(NAME, "extensions.filters.http.lua.v3.Lua", default_source_code=code)


def found(field: str) -> str:
    """Return the format of *field*: a number, or null where the engine named none."""
    return f"%DYNAMIC_METADATA({NAMESPACE}:{NAME}:{field})%"


def is_found(field: str) -> Resource:
    """Return the condition of an access logger that *field* has a value."""
    path = [{"key": NAME}, {"key": field}]
    matcher = {"filter": NAMESPACE, "path": path, "value": {"present_match": True}}
    return {"metadata_filter": {"matcher": matcher, "match_if_key_not_found": False}}


def expression(field: str) -> str:
    """Return *field* in CEL."""
    return f"metadata.filter_metadata['{NAMESPACE}'].{NAME}.{field}"


@cache
def _source() -> str:
    return (files("modelfleet.gateway.render") / "lua" / "usage.lua").read_text()
