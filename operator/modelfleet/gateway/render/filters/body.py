"""The fields of the body that the gateway looks at, read by Envoy's own JSON parser."""

from modelfleet.gateway.render.types import Resource, extension

NAME = "body"
NAMESPACE = "modelfleet"
"""The namespace of dynamic metadata where the fields are; nothing else of the body is kept."""
UNREADABLE = "unreadable"
FIELDS = ("model", "max_tokens", "max_completion_tokens", "max_output_tokens", "n")
JSON = r"(?i)application/json\s*(;.*)?"


def body() -> Resource:
    """
    Return the filter that buffers the whole body and keeps `FIELDS` in dynamic metadata.

    Measured with Envoy 1.40: of duplicate keys the last counts, as in Python; a nested `model` is not looked at;
    escapes are read; nesting of 1,000 levels, UTF-16, NaN, comments, and anything after the object are errors; a list
    or null leaves no value behind; the integer 2**63 is an error, though greater ones are read as floating point.
    """
    rules = {"allow_content_types_regex": {"regex": JSON}, "rules": [_rule(field) for field in FIELDS]}
    return extension(NAME, "extensions.filters.http.json_to_metadata.v3.JsonToMetadata", request_rules=rules)


def _rule(field: str) -> Resource:
    rule = {"selectors": [{"key": field}], "on_present": {"metadata_namespace": NAMESPACE, "key": field}}
    if field == "model":
        rule["on_error"] = {"metadata_namespace": NAMESPACE, "key": UNREADABLE, "value": True}
    return rule
