"""Errors as vLLM answers them."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from e2e.engine.release import Release

_NESTED = Release(0, 10, 2)
"""Until then the fields stood at the top of the answer, beside `"object": "error"`."""


class ApiError(Exception):
    """An error to be answered; `param` names the field at fault."""

    def __init__(self, status: HTTPStatus, message: str, *, kind: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind or status.phrase
        self.param = param


def bad_request(message: str, *, param: str | None = None) -> ApiError:
    """Return the error of a request that is wrong."""
    return ApiError(HTTPStatus.BAD_REQUEST, message, kind="BadRequestError", param=param)


def internal(message: str) -> ApiError:
    """Return the error of a server that cannot go on."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, message, kind="InternalServerError")


def overloaded(message: str) -> ApiError:
    """Return the error of a full queue."""
    return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, message, kind="ServiceUnavailableError")


def body(error: ApiError, release: Release) -> dict[str, Any]:
    """Return the JSON of *error* in the shape of *release*."""
    fields = {"message": error.message, "type": error.kind, "param": error.param, "code": int(error.status)}
    return {"error": fields} if release >= _NESTED else {"object": "error", **fields}


def answer(error: ApiError, release: Release) -> web.Response:
    """Return the HTTP answer of *error*."""
    return web.json_response(body(error, release), status=int(error.status))


def not_found() -> web.Response:
    """Return what an unknown route answers."""
    return web.json_response({"detail": "Not Found"}, status=404)
