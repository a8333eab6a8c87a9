"""Addresses outside the cluster that users may write: https and a public name, never a way into the cluster."""

from typing import Annotated
from urllib.parse import urlsplit

from modelfleet.api.schema.patterns import matches
from modelfleet.api.schema.rules import Checked, Rule
from modelfleet.api.schema.types import text

LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
TOP_LABEL = "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
"""The last label begins with a letter, or the name could be an IP address in one of its many spellings."""
PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
HTTPS_URL = rf"^https://({LABEL}\.)+{TOP_LABEL}(:{PORT})?(/[A-Za-z0-9._~-]+)*/?$"

INTERNAL_SUFFIXES = ("internal", "local", "localdomain", "localhost", "svc")
"""Names of clusters (`.svc`, `.cluster.local`), of clouds' metadata services (`.internal`) and of the machine itself."""
INTERNAL_URL = rf"^https://[^/:]*\.({'|'.join(INTERNAL_SUFFIXES)})([:/]|$)"

DEFAULT_PORT = 443


def _quoted(pattern: str) -> str:
    return "'" + pattern.replace("\\", "\\\\") + "'"


FORM_RULE = Rule(
    cel=f"self.matches({_quoted(HTTPS_URL)}) && !self.contains('..')",
    holds=lambda url: matches(HTTPS_URL, url) and ".." not in url,
    message=(
        "must be https://<host>, with a port and a path where needed; the host a full name in lower case such as "
        "`api.example.com`: no IP address, user, query or fragment"
    ),
)
PUBLIC_RULE = Rule(
    cel=f"!self.matches({_quoted(INTERNAL_URL)})",
    holds=lambda url: not matches(INTERNAL_URL, url),
    message=f"must not name a host inside: none that ends in {', '.join(f'.{suffix}' for suffix in INTERNAL_SUFFIXES)}",
)

HttpsUrl = Annotated[str, text(at_most=512), Checked((FORM_RULE, PUBLIC_RULE))]
"""An address outside the cluster. Which hosts are allowed is the platform's to say."""


def host_of(url: str) -> str:
    """Return the host of an `HttpsUrl`."""
    return urlsplit(url).hostname or ""


def port_of(url: str) -> int:
    """Return the port of an `HttpsUrl`."""
    return urlsplit(url).port or DEFAULT_PORT


def path_of(url: str) -> str:
    """Return the path of an `HttpsUrl` without a slash at its end; empty where it has none."""
    return urlsplit(url).path.rstrip("/")
