"""One JSON line for each request on standard output, and the counters and histograms per model; no text of a prompt."""

from modelfleet.gateway.ir import Frame, RouteTable
from modelfleet.gateway.render.filters.usage import COMPLETION, IS_FOUND, PROMPT, USAGE, expression, found
from modelfleet.gateway.render.headers import (
    ASKED_FOR,
    COMPLETION_PRICE,
    FEATURE,
    MODEL,
    PRIORITY,
    PROMPT_PRICE,
    PROMPT_VERSION,
    SCOPE,
    TEAM,
    USER,
)
from modelfleet.gateway.render.types import Resource, extension

STAT_PREFIX = "modelfleet"
NAME_CHARACTERS = 100
OK = 200
FIRST_ERROR = 400
EVERYTHING = 100
"""Percent."""
MOST_COUNTERS = 50000
MOST_HISTOGRAMS = 20000
"""Of each statistic, whatever names models and teams get; beyond that Envoy counts none."""

TIME_TO_FIRST_TOKEN = "%COMMON_DURATION(DS_RX_END:US_RX_BODY_BEG:ms)%"  # noqa: S105 (no secret)
"""From the end of the request to the first byte of the answer's body; headers come before the first token."""

FIELDS = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "trace_id": "%TRACE_ID%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ)%",
    "scope": f"%REQ({SCOPE})%",
    "user": f"%REQ({USER})%",
    "team": f"%REQ({TEAM})%",
    "priority": f"%REQ({PRIORITY})%",
    "feature": f"%REQ({FEATURE})%",
    "prompt_version": f"%REQ({PROMPT_VERSION})%",
    "model": f"%REQ({MODEL})%",
    "asked_for": f"%REQ({ASKED_FOR})%",
    "rule": "%ROUTE_NAME%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "backend": "%UPSTREAM_CLUSTER%",
    "replica": "%UPSTREAM_HOST%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "usage": USAGE,
    "ttft_ms": TIME_TO_FIRST_TOKEN,
    "receive_ms": "%COMMON_DURATION(DS_RX_BEG:DS_RX_END:ms)%",
    "gateway_ms": "%COMMON_DURATION(DS_RX_END:US_TX_BEG:ms)%",
    "headers_ms": "%COMMON_DURATION(US_TX_END:US_RX_BEG:ms)%",
    "generate_ms": "%COMMON_DURATION(US_RX_BODY_BEG:US_RX_END:ms)%",
    "duration_ms": "%DURATION%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
}


def access_logs(frame: Frame) -> list[Resource]:
    """Return the access loggers: lines, of which errors are never left out, and statistics about everything."""
    fields = {**FIELDS, **({"cost_cents": _cost()} if frame.token_prices else {})}
    log_format = {"json_format": fields, "omit_empty_values": True}
    lines = extension("lines", "extensions.access_loggers.stream.v3.StdoutAccessLog", log_format=log_format)
    return [{**lines, **_sampled(frame.access_log_sample_percent)}, *_statistics()]


def attribution(table: RouteTable) -> list[Resource]:
    """Return the request headers that a table's virtual host adds, so that log and traces have what clients say."""
    sources = {FEATURE: table.attribution.feature_header, PROMPT_VERSION: table.attribution.prompt_version_header}
    return [
        {
            "header": {"key": name, "value": f"%REQ({source}):{NAME_CHARACTERS}%"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        for name, source in sources.items()
        if source
    ]


def _cost() -> str:
    """Return what a request cost; null where the model has no price or the engine named no usage."""
    parts = ((PROMPT, PROMPT_PRICE), (COMPLETION, COMPLETION_PRICE))
    terms = (f"{expression(tokens)} * double(request.headers['{price}'])" for tokens, price in parts)
    return f"%TYPED_CEL(({' + '.join(terms)}) / 1000000.0)%"


def _sampled(percent: int) -> Resource:
    if percent >= EVERYTHING:
        return {}
    chance = {"runtime_key": "modelfleet.log_sample", "percent_sampled": {"numerator": percent}}
    filters: list[Resource] = [
        _is("GE", FIRST_ERROR),
        {"response_flag_filter": {}},
        {"runtime_filter": {**chance, "use_independent_randomness": True}},
    ]
    return {"filter": {"or_filter": {"filters": filters}}}


def _statistics() -> list[Resource]:
    """
    Return the counters and histograms, those together that have a value under the same condition.

    A stream that ends before its first byte has no time to it, of which Envoy's own log complains now and then.

    `MODEL` is the name of a table, or `-`: scripts put that back before they answer for names that clients made up.
    """
    model, team = _tag("model", f"%REQ({MODEL})%"), _tag("team", f"%REQ({TEAM})%")
    code = _tag("code", "%RESPONSE_CODE%")
    tokens = [_stat(name, model, team, value_format=found(name)) for name in (PROMPT, COMPLETION)]
    duration = _stat("duration_ms", model, value_format="%DURATION%", unit="Milliseconds")
    first_token = _stat("ttft_ms", model, value_format=TIME_TO_FIRST_TOKEN, unit="Milliseconds")
    requests = _stat("requests", model, team, code, value_fixed="1")
    return [
        _logger("requests", {}, counters=[requests], histograms=[duration]),
        _logger("answers", _is("EQ", OK), histograms=[first_token]),
        _logger("tokens", IS_FOUND, counters=tokens),
    ]


def _logger(name: str, condition: Resource, **stats: list[Resource]) -> Resource:
    scope = {"prefix": STAT_PREFIX, "max_counters": MOST_COUNTERS, "max_histograms": MOST_HISTOGRAMS}
    logger = extension(name, "extensions.access_loggers.stats.v3.Config", stats_scope=scope, **stats)
    return {**logger, **({"filter": condition} if condition else {})}


def _stat(name: str, *tags: Resource, **value: str) -> Resource:
    return {"stat": {"name": name, "tags": list(tags)}, **value}


def _is(operator: str, status: int) -> Resource:
    """Return the condition about the status; one in CEL costs ten times as much."""
    value = {"default_value": status, "runtime_key": "modelfleet.unused"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _tag(name: str, value: str) -> Resource:
    return {"name": name, "value_format": value}
