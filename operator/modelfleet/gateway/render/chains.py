"""
In which order a rule's backends are tried, as clusters.

Measured with Envoy 1.40 (CPU from /proc; a plain route costs 70-100 µs a request on that machine):

- `priority_group` with `refresh_cluster_on_retry` follows 5xx, 429, resets, hangs and refused connections at no cost.
  But a full pool answers by itself (`UO`), and Envoy's router never tries such a request again, whatever the policy.
- A Lua cluster specifier reads how many requests wait for a cluster (10 µs at most), but `refresh_cluster_on_retry`
  does not call it again: every try goes where the first went. A filter in the upstream chain could refuse, but what
  such a filter answers is not tried again either, and gauges of a cluster cannot be read there.
- Every request over a listener of Envoy's own, whose refusal is an upstream's answer: 45 µs (internal) to 95 µs (TCP)
  more. With both limits at once a burst of 40 over 4 + 8 places was served whole, by the third backend.
- Routing twice, with what the Lua specifier chose in filter state: 25 µs more, and 10 µs where no rule asks for it.

So a rule has one `Chain` for each backend that its first try may go to: an Envoy `composite` cluster whose n-th member
takes the n-th try. Its first members are the pool itself, at no cost; the later ones lead over the listener `relay`,
where a full pool's refusal leads on too. The Lua specifier of the route (`specifier`) picks the first chain whose pool
is not full. Together that costs nothing that could be told from noise, and a fallback some 55 µs.
A composite takes 45 KB, a member over the relay 50 KB, the script 55 KB for each of Envoy's threads: a rule with one
backend and no fallback (every fleet without a policy) has none of them, and its route names the pool.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from modelfleet.gateway.ir import Backend, BackendKind, RouteTable, Rule, Shed, Split

FINAL = "final"
"""The target of the relay that gives the rule's static answer."""
BUSY = "busy"
"""The target of the relay that refuses what is of too low a priority for a fleet that is nearly full."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where one try of a chain goes."""

    target: str
    """target is the name of a pool or provider, `FINAL` or `BUSY`."""
    is_direct: bool
    """is_direct says that the pool itself is the member; else the relay is, and leads there."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The tries of a request whose first one goes to a certain backend."""

    name: str
    """name is that of the composite cluster; of a chain with `is_plain`, that of the pool."""
    first: Backend | None
    """first is None where there is nothing but a static answer."""
    members: tuple[Member, ...]
    is_plain: bool = False
    """is_plain says that all tries go to one pool, which needs no composite."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Tries that follow each other and go to the same split."""

    split: Split
    tries: int


def stages(rule: Rule) -> tuple[Stage, ...]:
    """Return the stages of *rule*, in order."""
    return tuple(Stage(split, len(list(tries))) for split, tries in groupby(rule.tries))


def is_plain(rule: Rule) -> bool:
    """Whether all tries of *rule* go to one pool, so that its route can name it."""
    if len(stages(rule)) != 1 or rule.final:
        return False
    backends = rule.tries[0].backends
    return len(backends) == 1 and backends[0][0].kind is BackendKind.FLEET


def chains(table: RouteTable, rule: Rule) -> tuple[tuple[Chain, ...], ...]:
    """
    Return for each stage of *rule* the chains that begin there, one per backend of the stage's split.

    A last one, of `FINAL` alone, is where requests go that find every pool full, if the rule has a static answer.
    """
    steps = stages(rule)
    if is_plain(rule):
        backend = steps[0].split.backends[0][0]
        members = (Member(backend.name, is_direct=True),) * steps[0].tries
        return ((Chain(backend.name, backend, members, is_plain=True),),)
    prefix = f"{table.name}/{rule.name}"
    begun = [tuple(_beginning(prefix, rule, steps[index:], index)) for index in range(len(steps))]
    if rule.final:
        begun.append((Chain(f"{prefix}/{FINAL}", None, tuple(_end(rule))),))
    return tuple(begun)


def busy_chain(table: RouteTable, rule: Rule) -> Chain:
    """Return the chain that refuses requests of low priority."""
    return Chain(f"{table.name}/{rule.name}/{BUSY}", None, (Member(BUSY, is_direct=False),))


def all_chains(table: RouteTable, rule: Rule) -> Iterator[Chain]:
    """Yield every chain of *rule*."""
    for begun in chains(table, rule):
        yield from begun
    if rule.shed is Shed.REJECT:
        yield busy_chain(table, rule)


def tries_of(rule: Rule) -> int:
    """Return how many tries the longest chain of *rule* has."""
    return len(rule.tries) + (1 if rule.final else 0)


def _beginning(prefix: str, rule: Rule, steps: tuple[Stage, ...], index: int) -> Iterator[Chain]:
    later = tuple(member for step in steps[1:] for member in _relayed(step))
    for position, (backend, _) in enumerate(steps[0].split.backends):
        first = (Member(backend.name, is_direct=backend.kind is BackendKind.FLEET),) * steps[0].tries
        yield Chain(f"{prefix}/{index}.{position}", backend, (*first, *later, *_end(rule)))


def _relayed(step: Stage) -> Iterator[Member]:
    """Yield where a later stage's tries go: to the backend with the greatest weight, as a composite has no weights."""
    backend = max(step.split.backends, key=lambda weighted: weighted[1])[0]
    for _ in range(step.tries):
        yield Member(backend.name, is_direct=False)


def _end(rule: Rule) -> Iterator[Member]:
    if rule.final:
        yield Member(FINAL, is_direct=False)
