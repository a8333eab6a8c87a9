"""Answers in the shape of the API that was asked, OpenAI's or Anthropic's, as the gateway's own errors are."""

from typing import Any

from aiohttp import web

from modelfleet.gateway.paths import ANTHROPIC_PREFIX

REQUEST_ID_HEADER = "x-request-id"
ANTHROPIC_TYPES = {400: "invalid_request_error", 403: "permission_error", 404: "not_found_error"}


def error(
    request: web.BaseRequest,
    *,
    status: int,
    message: str,
    kind: str,
    code: str,
    param: str | None = None,
    retry_after_seconds: int | None = None,
) -> web.Response:
    """Return an error with the id of *request*; *kind* is OpenAI's `type`."""
    request_id = request.headers.get(REQUEST_ID_HEADER, "")
    headers = {REQUEST_ID_HEADER: request_id} if request_id else {}
    if retry_after_seconds is not None:
        headers["Retry-After"] = str(retry_after_seconds)
    body: dict[str, Any] = {
        "error": {"message": message, "type": kind, "param": param, "code": code, "request_id": request_id}
    }
    if request.path.startswith(ANTHROPIC_PREFIX):
        details = {"type": ANTHROPIC_TYPES.get(status, "api_error"), "message": message}
        body = {"type": "error", "error": details, "request_id": request_id}
    return web.json_response(body, status=status, headers=headers)


def model(name: str, *, created: int, owned_by: str) -> dict[str, Any]:
    """Return one model as OpenAI describes it; *created* is in seconds since 1970."""
    return {"id": name, "object": "model", "created": created, "owned_by": owned_by}
