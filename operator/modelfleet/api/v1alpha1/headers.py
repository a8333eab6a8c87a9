"""Names of HTTP headers that users may write: which of them the gateway looks at, and which it may send."""

from typing import Annotated

from modelfleet.api.schema.rules import Checked, Rule
from modelfleet.api.schema.types import text

HEADER_NAME = r"^[a-z0-9][a-z0-9._-]*$"
"""The part of HTTP's tokens that header names are made of in practice; HTTP/2 and Envoy have them in lower case."""

OWN_PREFIXES = ("x-modelfleet-", "x-llm-", "x-envoy-")
"""The gateway sets these headers itself, and drops what clients send under such names."""
CREDENTIALS = ("api-key", "authorization", "cookie", "proxy-authorization", "x-api-key")
"""These hold credentials, which belong neither into a log nor into a decision that others can observe."""
CONNECTION = (
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
"""These speak of one connection and not of the request, so that every proxy writes them anew."""


def _not_reserved(*names: str, why: str) -> Rule:
    prefixes = " && ".join(f"!self.startsWith('{prefix}')" for prefix in OWN_PREFIXES)
    return Rule(
        cel=f"{prefixes} && !(self in {list(names)})",
        holds=lambda name: not name.startswith(OWN_PREFIXES) and name not in names,
        message=(
            f"must not be a header of the gateway itself ({', '.join(f'{prefix}*' for prefix in OWN_PREFIXES)}), {why}"
        ),
    )


RequestHeader = Annotated[
    str,
    text(pattern=HEADER_NAME, at_most=128),
    Checked(
        (
            _not_reserved(
                *CREDENTIALS,
                *CONNECTION,
                why=f"nor one with credentials ({', '.join(CREDENTIALS)}) or of the connection ({', '.join(CONNECTION)})",
            ),
        )
    ),
]
"""A header of clients that the gateway may look at."""

KeyHeader = Annotated[
    str,
    text(pattern=HEADER_NAME, at_most=128),
    Checked(
        (
            _not_reserved(
                "content-type",
                "cookie",
                *CONNECTION,
                why=f"nor content-type, cookie or one of the connection ({', '.join(CONNECTION)})",
            ),
        )
    ),
]
"""A header in which the gateway sends a key."""
