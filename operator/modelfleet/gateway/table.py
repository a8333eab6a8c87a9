"""The gateway as tables that people read. No key is ever in them."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelfleet.gateway.ir import (
    Access,
    Backend,
    BackendKind,
    Gateway,
    HeaderMatch,
    HeaderTest,
    KeySelector,
    Limit,
    Match,
    RouteTable,
    Rule,
    Split,
    StaticAnswer,
)
from modelfleet.gateway.lower.whole import Lowered

HEADER = ("MODEL", "ACCESS", "RULE", "MATCH", "TRIES", "FINALLY", "LIMITS")


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of one table, in words."""

    models: tuple[str, ...]
    table: str
    access: str
    rule: str
    match: str
    tries: str
    finally_: str
    limits: str

    def cells(self, above: "Row | None" = None) -> tuple[str, ...]:
        """Return the row under `HEADER`; what all rows of a table share is said in its first row alone."""
        is_first = above is None or above.table != self.table
        names, access, limits = (", ".join(self.models), self.access, self.limits) if is_first else ("", "", "")
        return (names, access, self.rule, self.match, self.tries, self.finally_, limits)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A name by which nobody reaches the object that wants it, and why."""

    name: str
    of: str
    reason: str


def rows(gateway: Gateway) -> list[Row]:
    """Return every rule of every table, in the order of their names."""
    tables = sorted(gateway.tables.values(), key=lambda table: table.models)
    return [_row(gateway, table, rule) for table in tables for rule in table.rules]


def unreachable(lowered: Lowered) -> list[Unreachable]:
    """Return the names that lead nowhere, or not to the object that wants them."""
    found = [*_names_behind_policies(lowered), *_lost_by_fleets(lowered), *_lost_by_policies(lowered)]
    return sorted(found, key=lambda one: (one.name, one.of))


def access_in_words(access: Access) -> str:
    """Return who may come in."""
    who = [_keys(access.keys)] if access.keys else []
    who += [f"tokens of {access.tokens.issuer}"] if access.tokens else []
    who += [] if access.required else ["no credentials"]
    named = [f"user {user}" for user in access.users] + [f"team {team}" for team in access.teams]
    only = f", only {' or '.join(named)}" if named else ""
    return (" or ".join(who) or "nobody") + only


def match_in_words(match: Match) -> str:
    """Return which requests a rule takes."""
    parts = [*map(_header, match.headers)]
    parts += [f"body ≤ {match.body_bytes_at_most} bytes"] if match.body_bytes_at_most is not None else []
    parts += [f"team {' or '.join(match.teams)}"] if match.teams else []
    parts += [f"user {' or '.join(match.users)}"] if match.users else []
    parts += [f"priority {match.priority}"] if match.priority else []
    return ", ".join(parts) or "all"


def tries_in_words(gateway: Gateway, tries: tuple[Split, ...]) -> str:
    """Return where the tries go, in order; equal tries that follow each other are counted."""
    counted: list[tuple[Split, int]] = []
    for split in tries:
        if counted and counted[-1][0] == split:
            counted[-1] = split, counted[-1][1] + 1
        else:
            counted.append((split, 1))
    return " → ".join(split_in_words(gateway, split) + (f" ×{times}" if times > 1 else "") for split, times in counted)


def split_in_words(gateway: Gateway, split: Split) -> str:
    """Return where one try goes, with each backend's share in percent."""
    total = sum(weight for _, weight in split.backends)
    if len(split.backends) == 1:
        return backend_in_words(gateway, split.backends[0][0])
    shares = (f"{backend_in_words(gateway, backend)} {100 * weight / total:.3g}%" for backend, weight in split.backends)
    return f"({' | '.join(shares)})"


def backend_in_words(gateway: Gateway, backend: Backend) -> str:
    """Return the fleet, or the host outside with the model that is asked for there."""
    if backend.kind == BackendKind.FLEET:
        return backend.name
    provider = gateway.providers[backend.name]
    return f"{provider.host} as {provider.model}" if provider.model else provider.host


def limit_in_words(limit: Limit) -> str:
    """Return a budget per minute, and who shares it."""
    parts = [f"{limit.requests_per_minute} requests"] if limit.requests_per_minute else []
    parts += [f"{limit.reserved_tokens_per_minute} tokens"] if limit.reserved_tokens_per_minute else []
    return f"{' and '.join(parts)} a minute per {limit.per.lower()}"


def final_in_words(final: StaticAnswer | None) -> str:
    """Return what a client gets when every try failed."""
    return f'{final.status} "{final.message}"' if final else "the last error"


def _row(gateway: Gateway, table: RouteTable, rule: Rule) -> Row:
    return Row(
        models=table.models,
        table=table.name,
        access=access_in_words(table.access),
        rule=rule.name,
        match=match_in_words(rule.match),
        tries=tries_in_words(gateway, rule.tries) or "none",
        finally_=final_in_words(rule.final),
        limits=", ".join(map(limit_in_words, table.limits)) or "none",
    )


def _keys(keys: KeySelector) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in keys.labels)
    return f"keys of namespace {keys.namespace}" + (f" with {labels}" if labels else "")


def _header(header: HeaderMatch) -> str:
    match header.test:
        case HeaderTest.EXACT:
            return f'{header.name} = "{header.value}"'
        case HeaderTest.PREFIX:
            return f'{header.name} = "{header.value}…"'
        case HeaderTest.REGEX:
            return f"{header.name} ~ /{header.value}/"
        case HeaderTest.PRESENT:
            return f"with {header.name}"
        case HeaderTest.ABSENT:
            return f"without {header.name}"


def _names_behind_policies(lowered: Lowered) -> Iterator[Unreachable]:
    routed = {name for table in lowered.gateway.tables.values() for name in table.models}
    for fleet, standing in lowered.fleets.items():
        why = (
            f"reached through RoutePolicy {', '.join(standing.named_by)} alone; `exposure: Direct` opens it"
            if standing.named_by
            else "`exposure` is PolicyOnly, and no RoutePolicy sends requests to it"
        )
        names = () if standing.is_direct else sorted({fleet, *standing.names.accepted} - routed)
        yield from (Unreachable(name, fleet, why) for name in names)


def _lost_by_fleets(lowered: Lowered) -> Iterator[Unreachable]:
    for fleet, standing in lowered.fleets.items():
        for name, owner in standing.names.lost.items():
            yield Unreachable(name, fleet, f"belongs to {owner}")


def _lost_by_policies(lowered: Lowered) -> Iterator[Unreachable]:
    for policy, found in lowered.policies.items():
        for name, owner in found.names.lost.items():
            yield Unreachable(name, f"RoutePolicy {policy}", f"belongs to {owner}")
