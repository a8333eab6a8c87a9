"""A request as far as the gateway's decisions look at it."""

from dataclasses import dataclass

from modelfleet.gateway.ir import Gateway, Labels, Priority


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the key says, or the token as a table reads it."""

    scope: str = ""
    """scope is `<namespace>/<secret>` or `jwt/issuer/<provider>`; empty without credentials."""
    user: str = ""
    team: str = ""
    priority: Priority = Priority.NORMAL
    labels: Labels = ()
    """labels are those of the key's Secret."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends. Its headers are those of the client, before the gateway drops or adds any."""

    model: str | None
    """model is the body's `model`; None where it has none that is a text."""
    caller: Caller | None = None
    """caller is None without credentials."""
    is_stranger: bool = False
    """is_stranger says that there are credentials, and that nobody has them."""
    path: str = "/v1/chat/completions"
    headers: tuple[tuple[str, str], ...] = ()
    body_bytes: int = 0
    is_json: bool = True


def caller_with(gateway: Gateway, key: str) -> Caller | None:
    """Return the caller whose key it is; None where nobody has it."""
    found = next((entry for entry in gateway.keys if entry.key == key), None)
    return Caller(found.scope, found.user, found.team, found.priority, found.labels) if found else None
