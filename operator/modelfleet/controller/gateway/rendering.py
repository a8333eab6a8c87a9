"""From what changed to what the gateways are sent: only what depends on a change is rendered again."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from modelfleet.controller.gateway.compiler import Compiler, Difference
from modelfleet.controller.serve.xds.resources import Key
from modelfleet.gateway import render
from modelfleet.gateway.ir import Pool, RouteTable
from modelfleet.gateway.lower.setting import Setting, frame_of
from modelfleet.gateway.render import Place, Replicas, Resources, routes
from modelfleet.gateway.render.holding import pods_of
from modelfleet.gateway.schema.type_urls import CDS

Changes = dict[str, dict[str, Mapping[str, Any] | None]]
Unit = tuple[str, Any]
"""What is rendered in one piece: a kind of thing, and its name."""
Named = dict[str, frozenset[str]]
"""For each table, the fleets or clusters it is about."""
Tables = defaultdict[str, set[str]]
"""For each fleet or cluster, the tables that are about it."""
FRAME, CREDENTIALS, GATEWAYS, OPERATORS = ("frame", ""), ("credentials", ""), ("gateways", ""), ("operators", "")

log = logging.getLogger(__name__)


class Rendering:
    """Remembers which resources came from what, so that those that are no longer rendered are removed."""

    def __init__(self, compiler: Compiler, setting: Setting, place: Place) -> None:
        self._compiler = compiler
        self._frame = frame_of(setting.gateway)
        self._place = place
        self._replicas = Replicas({})
        self._keys: dict[Unit, frozenset[Key]] = {}
        self._owners: dict[Key, Unit] = {}
        self._uses: Named = {}
        self._users: Tables = defaultdict(set)
        self._sends_to: Named = {}
        self._senders: Tables = defaultdict(set)

    def changes(self, difference: Difference, replicas: Replicas) -> Changes:
        """
        Return what to put after *difference*, and with *replicas* in place of those of last time.

        The first time it is everything.
        """
        changes: Changes = {}
        for _ in self.steps(difference, replicas, changes):
            pass
        return changes

    def steps(self, difference: Difference, replicas: Replicas, changes: Changes) -> Iterator[None]:
        """
        Add to *changes* what `changes` returns, step by step, some 0.5 ms each; nothing may be compiled meanwhile.

        What only a defect keeps from being rendered stays as it was, and harms nothing else.
        """
        stale = self._stale(difference, replicas)
        self._replicas = replicas
        rendered = {}
        for unit in stale:
            try:
                rendered[unit] = self._render(unit)
            except Exception:
                log.exception("a part of the gateway could not be rendered", extra={"part": unit[0]})
            yield
        for unit, resources in rendered.items():
            self._remove_old(unit, resources, changes)
        for unit, resources in rendered.items():
            self._add_new(unit, resources, changes)

    def keys_of(self, table: str) -> tuple[Key, ...]:
        """Return the resources that the table of that name needs: its own, and the clusters it sends to."""
        return (*self._keys.get(("table", table), ()), *((CDS, name) for name in sorted(self._sends_to.get(table, ()))))

    def tables_of(self, key: Key) -> set[str]:
        """Return the tables that need the resource *key*: those of which `keys_of` returns it."""
        kind, name = self._owners.get(key, ("", ""))
        own = {name} if kind == "table" else set()
        return own | (self._senders.get(key[1], set()) if key[0] == CDS else set())

    def together_with(self, keys: Iterable[Key]) -> set[Key]:
        """Return *keys* and what was rendered in one piece with any of them: a table comes whole or not at all."""
        units = {self._owners[key] for key in keys if key in self._owners}
        return {*keys, *(key for unit in units for key in self._keys[unit])}

    def _stale(self, difference: Difference, replicas: Replicas) -> set[Unit]:
        tables = {*difference.tables, *(name for pool in difference.pools for name in self._users.get(pool, ()))}
        if replicas.sharing != self._replicas.sharing:
            tables |= {name for name, table in self._compiler.tables.items() if table.limits}
        stale: set[Unit] = {("table", name) for name in tables}
        stale |= {("pool", name) for name in difference.pools}
        stale |= {("endpoints", name) for name in (*difference.pools, *self._moved(replicas))}
        stale |= {("provider", name) for name in difference.providers}
        stale |= {("provider key", key) for key in difference.provider_keys}
        shared = {
            FRAME: FRAME not in self._keys,
            CREDENTIALS: difference.keys or difference.jwt or CREDENTIALS not in self._keys,
            GATEWAYS: replicas.gateways != self._replicas.gateways or GATEWAYS not in self._keys,
            OPERATORS: replicas.activators != self._replicas.activators or OPERATORS not in self._keys,
        }
        return stale | {unit for unit, is_stale in shared.items() if is_stale}

    def _moved(self, replicas: Replicas) -> Iterable[str]:
        """Return the fleets whose replicas are others than last time."""
        now, before = replicas.pods, self._replicas.pods
        if now is not before:
            yield from (name for name, ready in now.items() if before.get(name) != ready)
            yield from before.keys() - now.keys()

    def _render(self, unit: Unit) -> Resources:
        """Return the resources of *unit* as they are now; none of one that is gone."""
        kind, name = unit
        gateway, place = self._compiler.gateway, self._place
        match kind:
            case "table":
                return self._table(name)
            case "pool":
                return {} if (pool := gateway.pools.get(name)) is None else render.of_pool(pool)
            case "endpoints":
                pool = gateway.pools.get(name)
                return {} if pool is None else render.of_endpoints(pool, self._replicas, place)
            case "provider":
                return {} if (one := gateway.providers.get(name)) is None else render.of_provider(one, place)
            case "provider key":
                return {} if (key := gateway.provider_keys.get(name)) is None else render.of_provider_key(name, key)
            case _:
                return self._shared(unit)

    def _shared(self, unit: Unit) -> Resources:
        if unit == FRAME:
            return render.of_frame(self._frame, self._place)
        if unit == CREDENTIALS:
            return render.of_credentials(self._compiler.gateway, self._place)
        return render.of_gateways(self._replicas) if unit == GATEWAYS else render.of_operators(self._replicas)

    def _table(self, name: str) -> Resources:
        table = self._compiler.tables.get(name)
        self._note(self._uses, self._users, name, routes.fleets_of(table) if table else ())
        self._note(self._sends_to, self._senders, name, _targets(table, self._compiler.pools) if table else ())
        return (
            render.of_table(table, self._compiler.pools, self._frame, gateways=self._replicas.sharing) if table else {}
        )

    @staticmethod
    def _note(by_table: Named, tables: Tables, name: str, now: Collection[str]) -> None:
        """Note what the table called *name* is about, and that it is one of the tables about each of that."""
        for one in by_table.pop(name, frozenset()):
            tables[one].discard(name)
            if not tables[one]:
                del tables[one]
        for one in now:
            tables[one].add(name)
        if now:
            by_table[name] = frozenset(now)

    def _remove_old(self, unit: Unit, resources: Resources, changes: Changes) -> None:
        now = frozenset((type_url, name) for type_url, bodies in resources.items() for name in bodies)
        for key in self._keys.pop(unit, frozenset()) - now:
            if self._owners.get(key) == unit:
                del self._owners[key]
                changes.setdefault(key[0], {})[key[1]] = None
        if now:
            self._keys[unit] = now

    def _add_new(self, unit: Unit, resources: Resources, changes: Changes) -> None:
        for type_url, bodies in resources.items():
            for name, body in bodies.items():
                self._owners[type_url, name] = unit
                changes.setdefault(type_url, {})[name] = body


def _targets(table: RouteTable, pools: Mapping[str, Pool]) -> set[str]:
    """Return the names of the clusters that *table* sends to, those behind them included."""
    names = {backend.name for rule in table.rules for split in rule.tries for backend, _ in split.backends}
    return names | {pods_of(pools[name]) for name in names if name in pools}
