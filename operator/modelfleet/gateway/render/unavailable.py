"""The end of a request that found no replica: the sink's 425 stays between the gateway's parts."""

from modelfleet.gateway.paths import ANTHROPIC_PREFIX
from modelfleet.gateway.render.types import Resource, extension, typed

STATUS = 503
RETRY_SECONDS = 5
MESSAGE = "The model is not available now; try again."
ID = "%REQ(X-REQUEST-ID)%"


def unavailable() -> Resource:
    """Return the filter that makes of 425 what `local_replies` says of a model without replicas."""
    openai = {"error": {"message": MESSAGE, "type": "server_error", "param": None, "code": "model_unavailable"}}
    openai["error"]["request_id"] = ID
    anthropic = {"type": "error", "error": {"type": "api_error", "message": MESSAGE}, "request_id": ID}
    matchers = [
        _when([_is_425(), _on_anthropic()], anthropic),
        _when([_is_425()], openai),
    ]
    kind = "extensions.filters.http.custom_response.v3.CustomResponse"
    return extension("unavailable", kind, custom_response_matcher={"matcher_list": {"matchers": matchers}})


def _when(predicates: list[Resource], body: Resource) -> Resource:
    predicate = predicates[0] if len(predicates) == 1 else {"and_matcher": {"predicate": predicates}}
    answer = typed(
        "extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy",
        status_code=STATUS,
        body_format={"json_format": body},
        response_headers_to_add=[_header("retry-after", str(RETRY_SECONDS))],
    )
    return {"predicate": predicate, "on_match": {"action": {"name": "unavailable", "typed_config": answer}}}


def _is_425() -> Resource:
    status = extension("status", "type.matcher.v3.HttpResponseStatusCodeMatchInput")
    return {"single_predicate": {"input": status, "value_match": {"exact": "425"}}}


def _on_anthropic() -> Resource:
    path = extension("path", "type.matcher.v3.HttpRequestHeaderMatchInput", header_name=":path")
    return {"single_predicate": {"input": path, "value_match": {"prefix": ANTHROPIC_PREFIX}}}


def _header(key: str, value: str) -> Resource:
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
