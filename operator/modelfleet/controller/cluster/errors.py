# ruff: noqa: N818 - named like the reasons the API server itself gives
"""
What can go wrong between the operator and the API server.

    ClusterError
    ├── NotFound        the object, or its whole kind, does not exist
    ├── Conflict        it exists already, has moved on, or another manager owns the field
    ├── Invalid         the API server refuses the content; its message says why
    ├── Forbidden       the operator's role lacks a right
    ├── Expired         the list's continue token is too old
    ├── Unavailable     no answer, or one that asks to come back later
    └── NotLeader       the write was never sent: too little is left of the lease

Nothing else leaves this package: callers never see an exception of an HTTP library.
"""

import json
from typing import Any


class ClusterError(Exception):
    """A request that did not succeed; *status* is 0 when no answer came."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason


class NotFound(ClusterError):
    """The object, or its whole kind, does not exist."""


class Conflict(ClusterError):
    """The object exists already, has moved on, or another field manager owns the field."""


class Invalid(ClusterError):
    """The API server refuses the content; the message names the fields."""


class Forbidden(ClusterError):
    """The operator's role does not allow the request."""


class Expired(ClusterError):
    """The resource version or continue token is too old to go on from."""


class Unavailable(ClusterError):
    """No answer came, or one that asks to come back later: the same request may succeed unchanged."""


class NotLeader(ClusterError):
    """The write was not sent, because this process does not lead for long enough to finish it."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    400: Invalid,
    401: Unavailable,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    413: Invalid,
    422: Invalid,
    429: Unavailable,
}
FIRST_SERVER_ERROR = 500
UNKNOWN_FIELD = "failed to create typed patch object"
"""How v1.36 answers a server-side apply of a field that the schema lacks: as an error of its own, with 500."""


def from_answer(status: int, body: bytes, *, what: str) -> ClusterError:
    """Return the error for an answer other than success; *what* names the request for people."""
    details = _status_object(body)
    text = details.get("message") or body[:300].decode(errors="replace") or "no message"
    kind = _BY_STATUS.get(status, Unavailable if status >= FIRST_SERVER_ERROR else ClusterError)
    if text.startswith(UNKNOWN_FIELD):
        kind = Invalid
    return kind(f"{what} was answered with {status}: {text}", status=status, reason=details.get("reason", ""))


def from_silence(error: BaseException, *, what: str) -> Unavailable:
    """Return the error for a request that got no answer."""
    return Unavailable(f"{what} got no answer: {str(error) or type(error).__name__}")


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) and parsed.get("kind") == "Status" else {}
