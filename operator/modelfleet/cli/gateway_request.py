"""The request that `modelfleet gateway` explains, from the flags that describe it."""

from dataclasses import replace

import click

from modelfleet.gateway.answer import may_use, table_for
from modelfleet.gateway.ir import Access, Gateway, Priority
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
        Caller(key.scope, key.user, key.team, Priority(priority) if priority else key.priority, key.labels)
        for key in gateway.keys
        if key.user == name and team in ("", key.team)
    }
    known = sorted(with_key, key=lambda caller: (caller.scope, caller.team))
    table = table_for(gateway, model)
    if known:
        return next((caller for caller in known if table and may_use(table.access, caller)), known[0])
    stand_in = _stand_in(table.access) if table else Caller()
    return replace(stand_in, user=name, team=team, priority=Priority(priority or Priority.NORMAL))


def _stand_in(access: Access) -> Caller:
    """Return somebody with credentials that count, of whoever is not among the Secrets: a token before a key."""
    if access.tokens is not None:
        return Caller(access.tokens.scope)
    if access.keys is None:
        return Caller()
    return Caller(f"{access.keys.namespace}/any", labels=access.keys.labels)


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.strip():
        raise click.BadParameter(f'must be NAME=VALUE, found "{text}"', param_hint="--header")
    return name.strip().lower(), value
