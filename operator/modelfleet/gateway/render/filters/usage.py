"""How many tokens an answer used, as the engine says in its `usage`, for the log and the counters."""

from modelfleet.gateway.render.filters.body import JSON
from modelfleet.gateway.render.types import Resource, extension

NAMESPACE = "usage"
"""The namespace of dynamic metadata that has the counts."""
PROMPT, COMPLETION, CACHED = "prompt", "completion", "cached"
EVENT_BYTES = 64 * 1024

FIELDS = (
    (("usage", "prompt_tokens"), PROMPT),
    (("usage", "completion_tokens"), COMPLETION),
    (("usage", "prompt_tokens_details", "cached_tokens"), CACHED),
    (("usage", "input_tokens"), PROMPT),
    (("usage", "output_tokens"), COMPLETION),
)
"""Where the APIs have them: chat and completions first, then responses and messages."""


def usage() -> list[Resource]:
    """Return the filters that read `usage` from answers: one for JSON, one for streams of events."""
    rules = [_rule(path, key) for path, key in FIELDS]
    answer = {"allow_content_types_regex": {"regex": JSON}, "rules": rules}
    parser = extension(
        "envoy.content_parsers.json",
        "extensions.content_parsers.json.v3.JsonContentParser",
        rules=[{"rule": rule} for rule in rules],
    )
    stream = {"content_parser": parser, "max_event_size": EVENT_BYTES}
    return [
        extension("usage", "extensions.filters.http.json_to_metadata.v3.JsonToMetadata", response_rules=answer),
        extension("stream-usage", "extensions.filters.http.sse_to_metadata.v3.SseToMetadata", response_rules=stream),
    ]


def _rule(path: tuple[str, ...], key: str) -> Resource:
    on_present = {"metadata_namespace": NAMESPACE, "key": key, "type": "NUMBER"}
    return {"selectors": [{"key": part} for part in path], "on_present": on_present}
