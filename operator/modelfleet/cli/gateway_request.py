"""The request that `modelfleet gateway` explains, from the flags that describe it."""

import click

from modelfleet.gateway.answer import may_use, table_for
from modelfleet.gateway.ir import Gateway, Priority
from modelfleet.gateway.request import Caller, Request


def request_for(
    gateway: Gateway,
    model: str,
    *,
    user: str | None,
    priority: str | None,
    prompt_bytes: int,
    headers: tuple[str, ...],
) -> Request:
    """Return the request that the flags describe."""
    caller = _caller(gateway, model, user, priority) if user or priority else None
    return Request(model, caller, headers=tuple(map(_header, headers)), body_bytes=prompt_bytes)


def _caller(gateway: Gateway, model: str, user: str | None, priority: str | None) -> Caller:
    """
    Return the caller with a key among the Secrets, preferably one that opens *model*.

    Somebody without a key there is taken to have credentials that count for the model, such as a token.
    """
    name, _, team = (user or "").partition("@")
    with_key = {
        Caller(key.scope, key.user, key.team, Priority(priority) if priority else key.priority)
        for key in gateway.keys
        if key.user == name and team in ("", key.team)
    }
    known = sorted(with_key, key=lambda caller: (caller.scope, caller.team))
    table = table_for(gateway, model)
    if known:
        return next((caller for caller in known if table and may_use(table.access, caller)), known[0])
    scopes = table.access.scopes if table else ()
    tokens = [scope for scope in scopes if scope.startswith("jwt/issuer/")]
    return Caller(next(iter((*tokens, *scopes)), ""), name, team, Priority(priority or Priority.NORMAL))


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise click.BadParameter(f'must be NAME=VALUE, found "{text}"', param_hint="--header")
    return name.strip().lower(), value
