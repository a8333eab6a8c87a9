"""
What a request meets at the gateway: who is let in, which rule decides, where the tries go, which limits count.

It is a prediction from `ir` alone, in the order in which Envoy's filters decide, and is held against the real Envoy.
Where chance decides, such as between the backends of a split, it names the choices with their weights.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from modelfleet.gateway.ir import (
    Access,
    AffinityKey,
    BackendKind,
    Gateway,
    Limit,
    Per,
    Priority,
    RouteTable,
    Rule,
    Shed,
    Split,
    StaticAnswer,
)
from modelfleet.gateway.match import mismatch, values_of
from modelfleet.gateway.request import Caller, Request
from modelfleet.gateway.tokens import Token, UnreadableClaim


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit that counts for the request, and whose budget it takes from."""

    limit: Limit
    name: str
    """name is the user, the team or the model; empty for callers who have none, who share one budget."""


@dataclass(frozen=True, slots=True)
class Belonging:
    """What decides which replica of a fleet gets the request."""

    fleet: str
    key: AffinityKey
    value: str | None
    """value is the session or the user; None where there is none or where the prompt decides."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request meets. With a status the gateway answers by itself, otherwise the tries are made in order."""

    reason: str
    """reason is one sentence for people."""
    status: int | None = None
    table: RouteTable | None = None
    rule: Rule | None = None
    passed_over: tuple[tuple[str, str], ...] = ()
    """passed_over are the rules before, each with the condition that does not hold."""
    tries: tuple[Split, ...] = ()
    sticks_to: str | None = None
    """sticks_to is what chooses between the backends of a split, always alike; None leaves it to chance."""
    belongings: tuple[Belonging, ...] = ()
    """belongings are about the fleets of the first try."""
    buckets: tuple[Bucket, ...] = ()
    shed: Shed | None = None
    """shed is what happens to this request while the fleet is nearly full; None where it counts like any other."""
    final: StaticAnswer | None = None


def answer(gateway: Gateway, request: Request) -> Answer:
    """Return what *request* meets at *gateway*."""
    if refused := _refused_unread(gateway, request):
        return refused
    table = table_for(gateway, request.model or "")
    if table is None:
        hides = request.caller is None and any(each.access.required for each in gateway.tables.values())
        return Answer(f'no model is called "{request.model}"', 401 if hides else 404)
    if refused := _refused_entry(table, request.caller):
        return refused
    return _by_rule(gateway, table, request)


def table_for(gateway: Gateway, model: str) -> RouteTable | None:
    """Return the table of the name *model*."""
    return next((table for table in gateway.tables.values() if model in table.models), None)


def may_use(access: Access, caller: Caller | None) -> bool:
    """Return whether *caller* may use the names of a table with *access*."""
    if caller is None:
        return not access.required
    is_named = caller.user in access.users or caller.team in access.teams
    return counts(access, caller) and (is_named or not (access.users or access.teams))


def counts(access: Access, caller: Caller) -> bool:
    """Return whether the credentials of *caller* are of those that *access* is about."""
    if access.tokens is not None and caller.scope == access.tokens.scope:
        return True
    keys = access.keys
    return keys is not None and keys.namespace == _namespace(caller) and set(keys.labels) <= set(caller.labels)


def models_for(gateway: Gateway, caller: Caller | Token | None) -> tuple[str, ...]:
    """Return the names that *caller* may use, sorted: what `/v1/models` lists."""
    tables = (table for table in gateway.tables.values() if _lets_in(table.access, caller))
    return tuple(sorted(name for table in tables for name in table.models))


def _lets_in(access: Access, caller: Caller | Token | None) -> bool:
    if not isinstance(caller, Token):
        return may_use(access, caller)
    try:
        read = caller.read(access.tokens) if access.tokens else None
    except UnreadableClaim:
        return False
    return read is not None and may_use(access, read)


def _namespace(caller: Caller) -> str | None:
    """Return the namespace of the Secret of *caller*'s key; None of who has a token."""
    namespace, _, secret = caller.scope.partition("/")
    return None if "/" in secret else namespace


def _refused_unread(gateway: Gateway, request: Request) -> Answer | None:
    """Return the answer to what is refused whatever the tables say."""
    if request.is_stranger:
        return Answer("nobody has these credentials", 401)
    if request.caller is None and gateway.frame.credentials_required:
        return Answer("this model needs a key or a token", 401)
    if request.body_bytes > gateway.frame.max_body_bytes:
        limit = gateway.frame.max_body_bytes
        return Answer(f"the body must have at most {limit} bytes, found {request.body_bytes}", 413)
    if not request.is_json:
        return Answer("the body must be a JSON object", 400)
    if not request.model:
        return Answer("`model` must be set to a text", 400)
    return None


def _refused_entry(table: RouteTable, caller: Caller | None) -> Answer | None:
    if may_use(table.access, caller):
        return None
    if caller is None:
        return Answer("this model needs a key or a token", 401, table)
    if not counts(table.access, caller):
        return Answer(f"the credentials of {caller.scope} do not open this model", 403, table)
    return Answer(f'neither user "{caller.user}" nor team "{caller.team}" is allowed to use this model', 403, table)


def _by_rule(gateway: Gateway, table: RouteTable, request: Request) -> Answer:
    passed_over: list[tuple[str, str]] = []
    for rule in table.rules:
        if why_not := mismatch(rule.match, request):
            passed_over.append((rule.name, why_not))
        else:
            return _routed(gateway, table, rule, request, tuple(passed_over))
    return Answer("no rule matches", 404, table, passed_over=tuple(passed_over), buckets=_buckets(table, request))


def _routed(
    gateway: Gateway, table: RouteTable, rule: Rule, request: Request, passed_over: tuple[tuple[str, str], ...]
) -> Answer:
    caller = request.caller or Caller()
    return Answer(
        reason=f"{table.name} decides by its rule {rule.name}",
        status=None if rule.tries else (rule.final.status if rule.final else 503),
        table=table,
        rule=rule,
        passed_over=passed_over,
        tries=rule.tries,
        sticks_to=_sticks_to(rule, request),
        belongings=tuple(_belongings(gateway, rule, request)),
        buckets=_buckets(table, request),
        shed=rule.shed if caller.priority == Priority.LOW else None,
        final=rule.final,
    )


def _sticks_to(rule: Rule, request: Request) -> str | None:
    """Return what decides a split of several: the value of the rule's header, else the user."""
    split = next((split for split in rule.tries if len(split.backends) > 1), None)
    if split is None:
        return None
    sticky = ",".join(values_of(request, split.sticky_header)) if split.sticky_header else None
    return sticky or (request.caller.user if request.caller else None) or None


def _belongings(gateway: Gateway, rule: Rule, request: Request) -> Iterator[Belonging]:
    first = rule.tries[0].backends if rule.tries else ()
    for fleet in (backend.name for backend, _ in first if backend.kind == BackendKind.FLEET):
        affinity = gateway.pools[fleet].affinity
        if affinity is None:
            continue
        match affinity.key:
            case AffinityKey.SESSION:
                yield Belonging(fleet, affinity.key, ",".join(values_of(request, affinity.session_header)) or None)
            case AffinityKey.USER:
                yield Belonging(fleet, affinity.key, request.caller.user if request.caller else None)
            case AffinityKey.PREFIX:
                yield Belonging(fleet, affinity.key, None)


def _buckets(table: RouteTable, request: Request) -> tuple[Bucket, ...]:
    caller = request.caller or Caller()
    names = {Per.USER: caller.user, Per.TEAM: caller.team, Per.MODEL: request.model or ""}
    return tuple(Bucket(limit, names[limit.per]) for limit in table.limits)
