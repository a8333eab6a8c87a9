"""The end of a request that found no replica: the sink's 425 stays between the gateway's parts."""

from modelfleet.gateway.render.types import Resource, extension, typed

STATUS = 503


def unavailable() -> Resource:
    """Return the filter that makes 503 of 425; the body is what `local_replies` says then."""
    status = extension("status", "type.matcher.v3.HttpResponseStatusCodeMatchInput")
    answer = typed("extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy", status_code=STATUS)
    matcher = {
        "predicate": {"single_predicate": {"input": status, "value_match": {"exact": "425"}}},
        "on_match": {"action": {"name": "unavailable", "typed_config": answer}},
    }
    kind = "extensions.filters.http.custom_response.v3.CustomResponse"
    return extension("unavailable", kind, custom_response_matcher={"matcher_list": {"matchers": [matcher]}})
