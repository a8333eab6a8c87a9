"""
What clients get where no engine answered: each error of Envoy's own as OpenAI's JSON, or Anthropic's on its paths.

Measured with Envoy 1.40: the first mapper whose filter holds decides; what a Lua script responds and direct responses
pass the mappers too, an engine's own errors never do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from modelfleet.gateway.ir import Frame
from modelfleet.gateway.paths import ANTHROPIC_PREFIX
from modelfleet.gateway.render.headers import SCOPE
from modelfleet.gateway.render.limits import LIMITED_BY
from modelfleet.gateway.render.types import Resource, extension

INVALID = "invalid_request_error"
SATURATED_RETRY_SECONDS = 1
UNAVAILABLE_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """One kind of error: which local replies it is about, and what becomes of them."""

    about: Resource
    """about is an AccessLogFilter."""
    message: str
    type: str = "server_error"
    code: str | None = None
    anthropic: str = "api_error"
    """anthropic is the type of the error on Anthropic's paths."""
    status: int | None = None
    """status replaces the one that Envoy chose."""
    headers: tuple[tuple[str, str], ...] = ()
    is_early: bool = False
    """is_early says that it may be about what is no HTTP, never became a request, and so has no id."""


def local_reply_config(frame: Frame) -> Resource:
    """Return the LocalReplyConfig of the client listener."""
    return {"mappers": [_AS_IT_IS, *(mapper for reply in replies(frame) for mapper in mappers(reply))]}


def replies(frame: Frame) -> tuple[Reply, ...]:
    """Return all kinds in the order in which they are tried; the last is about everything that is left."""
    return (_too_large(frame), *_strangers(), *_refusals(), *_limits(), *_failures())


def _too_large(frame: Frame) -> Reply:
    return Reply(
        _status(413),
        f"The body must have at most {frame.max_body_bytes} bytes.",
        type=INVALID,
        code="request_too_large",
        anthropic="request_too_large",
    )


def _strangers() -> tuple[Reply, ...]:
    unknown = Reply(
        _status(401),
        "The API key or token is not valid.",
        type=INVALID,
        code="invalid_api_key",
        anthropic="authentication_error",
        headers=(("www-authenticate", "Bearer"),),
    )
    refused = _any_of(_status(403), _flag("NR"))  # NR: a name that no table has, of which nobody is told
    absent = replace(unknown, message="This needs an API key or a token.", status=401)
    return unknown, replace(absent, about=_all_of(refused, _without(SCOPE)))


def _refusals() -> tuple[Reply, ...]:
    malformed = Reply(_status(400), "The request is malformed.", INVALID, anthropic=INVALID, is_early=True)
    unmatched = Reply(
        _status(404),
        "No rule for this model takes this request.",
        INVALID,
        code="no_matching_rule",
        anthropic="not_found_error",
    )
    forbidden = "permission_error"
    return (
        Reply(_status(403), "You may not use this model.", forbidden, code="model_not_allowed", anthropic=forbidden),
        unmatched,
        malformed,
        replace(malformed, about=_status(408), message="The request did not arrive in time.", code="timeout"),
        replace(malformed, about=_status(431), message="The headers are too large.", code="headers_too_large"),
    )


def _limits() -> tuple[Reply, ...]:
    by = f"%RESP({LIMITED_BY})%"
    message = f"The budget of {by} per minute is used up; try again in %RESP(RETRY-AFTER)% s."
    limited = Reply(_status(429), message, type=by, code="rate_limit_exceeded", anthropic="rate_limit_error")
    saturated = Reply(
        _flag("UO", "OM"),
        "The model is busy; try again.",
        type="rate_limit_error",
        code="model_saturated",
        anthropic="overloaded_error",
        status=429,
        headers=(_retry_after(SATURATED_RETRY_SECONDS),),
    )
    return limited, saturated


def _failures() -> tuple[Reply, ...]:
    later = (_retry_after(UNAVAILABLE_RETRY_SECONDS),)
    gone, failed = _flag("UH", "NC", "UF"), _flag("UC", "UR", "LR", "UPE")
    unavailable = Reply(_status(503), "The gateway cannot answer now; try again.", code="unavailable", headers=later)
    return (
        # Out of memory, Envoy says 500 to what it has not answered yet over HTTP/1.
        replace(unavailable, about=_status(500), status=503),
        Reply(_status(504), "The model did not answer in time.", code="timeout", anthropic="timeout_error"),
        Reply(gone, "The model is not available now; try again.", code="model_unavailable", headers=later),
        Reply(failed, "The model ended the connection.", code="model_failed", headers=later),
        unavailable,
        Reply(_at_least(400), "The gateway could not answer.", code="gateway_error", is_early=True),
    )


def mappers(reply: Reply) -> list[Resource]:
    """Return the ResponseMappers of *reply*, in the shape of each API."""
    early = _shapes(reply, _all_of(reply.about, _without("x-request-id")), {}) if reply.is_early else ()
    return [*early, *_shapes(reply, reply.about, {"request_id": "%REQ(X-REQUEST-ID)%"})]


def _shapes(reply: Reply, about: Resource, identity: Resource) -> Iterator[Resource]:
    yield _mapper(reply, _all_of(about, _on_path(ANTHROPIC_PREFIX)), _anthropic_body(reply) | identity)
    yield _mapper(reply, about, {"error": _openai_error(reply) | identity})


def _mapper(reply: Reply, about: Resource, body: Resource) -> Resource:
    return {
        "filter": about,
        **({"status_code": reply.status} if reply.status else {}),
        "body_format_override": {"json_format": body},
        "headers_to_add": [
            {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in reply.headers
        ],
    }


def _openai_error(reply: Reply) -> Resource:
    return {"message": reply.message, "type": reply.type, "param": None, "code": reply.code}


def _anthropic_body(reply: Reply) -> Resource:
    return {"type": "error", "error": {"type": reply.anthropic, "message": reply.message}}


def _retry_after(seconds: int) -> tuple[str, str]:
    return "retry-after", str(seconds)


def _status(status: int) -> Resource:
    return _compared("EQ", status)


def _at_least(status: int) -> Resource:
    return _compared("GE", status)


def _compared(operator: str, status: int) -> Resource:
    value = {"default_value": status, "runtime_key": "modelfleet.unused"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _flag(*flags: str) -> Resource:
    return {"response_flag_filter": {"flags": list(flags)}}


def says(expression: str) -> Resource:
    """Return the AccessLogFilter of a CEL *expression*."""
    name, kind = (
        "envoy.access_loggers.extension_filters.cel",
        "extensions.access_loggers.filters.cel.v3.ExpressionFilter",
    )
    return {"extension_filter": extension(name, kind, expression=expression)}


def _without(header: str) -> Resource:
    return {"header_filter": {"header": {"name": header, "present_match": True, "invert_match": True}}}


def _on_path(prefix: str) -> Resource:
    return {"header_filter": {"header": {"name": ":path", "string_match": {"prefix": prefix}}}}


def _any_of(*filters: Resource) -> Resource:
    return {"or_filter": {"filters": list(filters)}}


def _all_of(*filters: Resource) -> Resource:
    return {"and_filter": {"filters": list(filters)}}


_AS_IT_IS: Resource = {
    "filter": says("response.code_details == 'lua_response'"),
    # Without a format of its own the body would become text/plain.
    "body_format_override": {
        "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
        "content_type": "application/json",
    },
}
"""Our scripts answer in the right shape themselves."""
