"""Who asks: keys and tokens, and whose of them a table lets in."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum


class Priority(StrEnum):
    """How a caller's requests rank when a fleet is nearly full."""

    LOW = "Low"
    NORMAL = "Normal"
    HIGH = "High"


Labels = tuple[tuple[str, str], ...]
"""Labels of an object, sorted."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and who shows it. The key is in no repr."""

    key: str = field(repr=False)
    scope: str
    """scope is the Secret, `<namespace>/<secret>`."""
    user: str
    team: str = ""
    priority: Priority = Priority.NORMAL
    labels: Labels = ()
    """labels are those of its Secret, which selectors look at."""


@dataclass(frozen=True, slots=True)
class KeySelector:
    """Keys of one namespace: of the Secrets that have all of *labels*. It names no Secret, so none changes it."""

    namespace: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class JwtProvider:
    """An issuer of tokens, and how a table reads them; policies that say the same share one."""

    name: str
    """name is a hash of the rest."""
    issuer: str
    jwks_uri: str
    audiences: tuple[str, ...]
    """audiences are what a token must be for, one of them."""
    user_claim: str = "sub"
    team_claim: str | None = None
    priority_claim: str | None = None

    @property
    def scope(self) -> str:
        """Return the scope of callers whose tokens count; it is that of no Secret, `<namespace>/<secret>`."""
        return f"jwt/issuer/{self.name}"

    @property
    def unread_scope(self) -> str:
        """Return the scope of a token until a table has read it: all have it in common who trust the same keys."""
        trusted = f"{self.issuer}\n{self.jwks_uri}"
        return f"jwt/token/{hashlib.blake2b(trusted.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the names of a table; others get 401 without credentials, and 403 with them."""

    required: bool
    """required is false where callers without credentials are let in."""
    keys: KeySelector | None = None
    """keys are those that count; None where none does."""
    tokens: JwtProvider | None = None
    """tokens are those that count; None where none does."""
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    """Of who has such a key or token, those named by users or teams may come in; all when both are empty."""
