"""Tokens as tables read them: like `tokens.lua`, for predictions and for the list of models."""

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from modelfleet.gateway.ir import JwtProvider, Priority
from modelfleet.gateway.request import Caller

CLAIM = re.compile(r"[!-~]([ -~]{0,254}[!-~])?")
"""What a header can carry as it is."""
EXACT = 2**53
"""From here on Envoy's numbers stand for several, and one user could be taken for another."""


class UnreadableClaim(Exception):  # noqa: N818 (it names what was found, as the project's errors do)
    """A claim that must be a name is none; its text is the claim."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was verified, and that no table has read yet."""

    scope: str
    """scope is the `unread_scope` of those who trust its issuer."""
    claims: str = field(repr=False)
    """claims are a JSON object."""

    def read(self, tokens: JwtProvider) -> Caller | None:
        """
        Return who it stands for where *tokens* count, None where it is no such token.

        Raises `UnreadableClaim`, as the gateway answers 401.
        """
        claims = _read(self.claims) if self.scope == tokens.unread_scope else {}
        if not _is_for(claims.get("aud"), tokens.audiences):
            return None
        user = _name(claims, tokens.user_claim)
        if not user:
            raise UnreadableClaim(tokens.user_claim)
        team = _name(claims, tokens.team_claim) if tokens.team_claim else ""
        priority = claims.get(tokens.priority_claim) if tokens.priority_claim else None
        return Caller(tokens.scope, user, team, _priority(priority))


@lru_cache(maxsize=1)
def _read(claims: str) -> dict[str, Any]:
    """Return the claims, parsed once for all the tables that look at them one after the other."""
    found: dict[str, Any] = json.loads(claims)
    return found


def _is_for(audiences: Any, wanted: tuple[str, ...]) -> bool:
    found = audiences if isinstance(audiences, list) else [audiences]
    return any(each in wanted for each in found if isinstance(each, str))


def _name(claims: dict[str, Any], claim: str) -> str:
    value = claims.get(claim)
    if value is None or value == "":
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0 and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, str) and CLAIM.fullmatch(value):
        return value
    raise UnreadableClaim(claim)


def _priority(claim: Any) -> Priority:
    return Priority(claim) if isinstance(claim, str) and claim in set(Priority) else Priority.NORMAL
