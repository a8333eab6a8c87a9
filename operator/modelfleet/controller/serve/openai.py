"""Answers in the shape that clients of OpenAI's API read."""

from typing import Any

from aiohttp import web

REQUEST_ID_HEADER = "x-request-id"


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
    details = {"message": message, "type": kind, "param": param, "code": code, "request_id": request_id}
    return web.json_response({"error": details}, status=status, headers=headers)


def model(name: str, *, created: int, owned_by: str) -> dict[str, Any]:
    """Return one model as OpenAI describes it; *created* is in seconds since 1970."""
    return {"id": name, "object": "model", "created": created, "owned_by": owned_by}
