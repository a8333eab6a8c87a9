"""From what changed to what the gateways are sent: only what depends on a change is rendered again."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelfleet.controller.gateway.compiler import Compiler, Difference
from modelfleet.controller.serve.xds.resources import Key
from modelfleet.gateway import render
from modelfleet.gateway.lower.setting import Setting, frame_of
from modelfleet.gateway.render import Place, Replicas, Resources, routes
from modelfleet.gateway.schema.type_urls import CDS

Changes = dict[str, dict[str, Mapping[str, Any] | None]]
Unit = tuple[str, Any]
"""What is rendered in one piece: a kind of thing, and its name."""
FRAME, CREDENTIALS, GATEWAYS = ("frame", ""), ("credentials", ""), ("gateways", "")

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
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        self._uses: dict[str, frozenset[str]] = {}
        self._sends_to: dict[str, frozenset[str]] = {}

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

    def together_with(self, keys: Iterable[Key]) -> set[Key]:
        """Return *keys* and what was rendered in one piece with any of them: a table comes whole or not at all."""
        units = {self._owners[key] for key in keys if key in self._owners}
        return {*keys, *(key for unit in units for key in self._keys[unit])}

    def _stale(self, difference: Difference, replicas: Replicas) -> set[Unit]:
        tables = {*difference.tables, *(name for pool in difference.pools for name in self._users.get(pool, ()))}
        stale: set[Unit] = {("table", name) for name in tables}
        stale |= {("pool", name) for name in difference.pools}
        stale |= {("endpoints", name) for name in (*difference.pools, *self._moved(replicas))}
        stale |= {("provider", name) for name in difference.providers}
        stale |= {("provider key", key) for key in difference.provider_keys}
        shared = {
            FRAME: FRAME not in self._keys,
            CREDENTIALS: difference.keys or difference.jwt or CREDENTIALS not in self._keys,
            GATEWAYS: replicas.gateways != self._replicas.gateways or GATEWAYS not in self._keys,
        }
        return stale | {unit for unit, is_stale in shared.items() if is_stale}

    def _moved(self, replicas: Replicas) -> Iterable[str]:
        """Return the fleets whose replicas, or whose activators, are others than last time."""
        before = self._replicas
        for name, pool in self._compiler.pools.items() if replicas.activators != before.activators else ():
            if pool.sleep:
                yield name
        for name in replicas.pods.keys() | before.pods.keys() if replicas.pods is not before.pods else ():
            if replicas.pods.get(name) != before.pods.get(name):
                yield name

    def _render(self, unit: Unit) -> Resources:
        """Return the resources of *unit* as they are now; none of one that is gone."""
        kind, name = unit
        gateway, place = self._compiler.gateway, self._place
        match kind:
            case "table":
                return self._table(name)
            case "pool":
                return {} if (pool := gateway.pools.get(name)) is None else render.of_pool(pool, place)
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
        return render.of_gateways(self._replicas)

    def _table(self, name: str) -> Resources:
        table = self._compiler.tables.get(name)
        fleets = routes.fleets_of(table) if table else frozenset()
        for fleet in self._uses.pop(name, frozenset()) - fleets:
            self._users[fleet].discard(name)
        self._sends_to.pop(name, None)
        if table is None:
            return {}
        self._sends_to[name] = frozenset(
            backend.name for rule in table.rules for split in rule.tries for backend, _ in split.backends
        )
        self._uses[name] = fleets
        for fleet in fleets:
            self._users[fleet].add(name)
        return render.of_table(table, self._compiler.pools, self._frame)

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
