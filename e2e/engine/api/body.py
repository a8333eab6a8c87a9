"""The JSON body of a request."""

import json
from typing import Any

from aiohttp import web

from e2e.engine.api.errors import bad_request


async def read(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that *request* carries; raise ApiError 400 when it carries none."""
    if request.content_type != "application/json":
        raise bad_request("Unsupported Media Type: Only 'application/json' is allowed")
    try:
        value = json.loads(await request.read())
    except ValueError as error:
        raise bad_request(f"JSON decode error: {error}") from error
    if not isinstance(value, dict):
        raise bad_request("Input should be a valid dictionary or object to extract fields from")
    return value
