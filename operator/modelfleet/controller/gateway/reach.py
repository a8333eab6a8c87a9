"""Which routing tables every connected gateway works by, over all replicas of the operator."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from modelfleet.controller.serve.peers.report import PeerView, Report
from modelfleet.controller.serve.xds.resources import Key
from modelfleet.controller.serve.xds.server import Server
from modelfleet.controller.serve.xds.versions import Vector, is_behind
from modelfleet.gateway.schema.type_urls import EDS


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a routing table has spread among the connected gateways."""

    connected: int
    lacking: tuple[str, ...] = ()
    """lacking names the gateways, and the replicas with gateways, where it is not acknowledged yet."""
    refused: str = ""
    """refused is why a gateway refused it, empty where none did."""

    @property
    def is_everywhere(self) -> bool:
        """Return whether gateways are connected, and all of them have acknowledged it."""
        return self.connected > 0 and not self.lacking and not self.refused


@dataclass(frozen=True, slots=True)
class _Put:
    """What a table consists of, and when it was last put."""

    keys: tuple[Key, ...]
    state: Vector


class Reach:
    """Knows first-hand of the gateways that are connected here, and of the others what their replicas say."""

    def __init__(self, server: Server, view: Callable[[], PeerView | None], *, own_name: str) -> None:
        self._server = server
        self._view = view
        self._own_name = own_name
        self._tables: dict[str, _Put] = {}
        self._pending: set[str] = set()
        self.state: Vector = ()

    def note(self, state: Vector, tables: Mapping[str, tuple[Key, ...] | None]) -> None:
        """Note that *tables* were put at *state*, each with the resources it consists of; None for one that is gone."""
        self.state = state
        for name, keys in tables.items():
            if keys is None:
                self._tables.pop(name, None)
                self._pending.discard(name)
            else:
                self._tables[name] = _Put(keys, state)
                self._pending.add(name)

    def pending(self) -> tuple[str, ...]:
        """Return the tables that some gateway connected here has not acknowledged as they are."""
        self._pending = {name for name in self._pending if not all(self._here(name).values())}
        return tuple(sorted(self._pending))

    def acknowledged(self, sleepers: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return which version of the endpoints of *sleepers* each gateway connected here holds, by node."""
        found: dict[str, dict[str, str]] = {gateway.node: {} for gateway in self._server.connected()}
        for target in sleepers:
            for node, version in self._server.holders((EDS, target)).items():
                if version is not None and node in found:
                    found[node][target] = version
        return found

    def refused(self) -> dict[str, str]:
        """Return why a gateway connected here refused something, by the resource's name."""
        return {refusal.name: refusal.message for refusal in self._server.refusals()}

    def spread(self, table: str) -> Spread:
        """Return how far *table* has spread, as it was put last."""
        put = self._tables.get(table)
        here = self._here(table)
        elsewhere = {
            name: put is not None and table not in report.pending and not is_behind(report.state, put.state)
            for name, report in self._others()
        }
        lacking = sorted(where for where, has in (*here.items(), *elsewhere.items()) if not has)
        refused = (self.refused(), *(report.refused for _, report in self._others()))
        return Spread(
            connected=len(here) + len(elsewhere),
            lacking=tuple(lacking),
            refused=next((said[table] for said in refused if table in said), ""),
        )

    def _here(self, table: str) -> dict[str, bool]:
        put = self._tables.get(table)
        return self._server.acknowledged(self._server.digests(put.keys if put else ()))

    def _others(self) -> Iterator[tuple[str, Report]]:
        """Yield the other replicas that have gateways."""
        view = self._view()
        for name, answer in view.answers.items() if view else ():
            if name != self._own_name and isinstance(answer, Report) and answer.acknowledged:
                yield name, answer
