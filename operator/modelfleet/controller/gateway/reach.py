"""Which routing tables every connected gateway works by, over all replicas of the operator."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from modelfleet.controller.serve.peers.report import PeerView, Report
from modelfleet.controller.serve.xds.order import TYPES
from modelfleet.controller.serve.xds.resources import Key
from modelfleet.controller.serve.xds.server import Server
from modelfleet.controller.serve.xds.versions import Vector, is_behind
from modelfleet.gateway.schema.type_urls import EDS

TYPE_URLS = {type_url.rpartition(".")[2]: type_url for type_url in TYPES}


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


class Reach:
    """
    Knows first-hand of the gateways that are connected here, and of the others what their replicas say.

    *keys_of* returns the resources that a table needs, and *tables_of* the tables that need a resource; a refusal of
    any of them is one of the table.
    """

    def __init__(
        self,
        server: Server,
        view: Callable[[], PeerView | None],
        *,
        own_name: str,
        keys_of: Callable[[str], Collection[Key]],
        tables_of: Callable[[Key], Collection[str]],
    ) -> None:
        self._server = server
        self._view = view
        self._own_name = own_name
        self._keys_of, self._tables_of = keys_of, tables_of
        self._put_at: dict[str, Vector] = {}
        self._pending: set[str] = set()
        self._unfit: Mapping[Key, str] = {}
        self._refused_before: set[str] = set()
        self._were_connected = False
        self.state: Vector = ()

    def note(self, state: Vector, tables: Mapping[str, object | None], unfit: Mapping[Key, str]) -> None:
        """Note that *tables* were put at *state*, None for one that is gone, and what could not be put."""
        self.state, self._unfit = state, unfit
        for name, table in tables.items():
            if table is None:
                self._put_at.pop(name, None)
                self._pending.discard(name)
            else:
                self._put_at[name] = state
                self._pending.add(name)

    def pending(self) -> tuple[str, ...]:
        """Return the tables that not every gateway connected here has acknowledged; all, while none is connected."""
        self._pending = {name for name in self._pending if not (here := self._here(name)) or not all(here.values())}
        return tuple(sorted(self._pending))

    def unsettled(self) -> set[str]:
        """Return the tables of which something else may be told than the last time this was asked."""
        others = [report for _, report in self._others()]
        are_connected = bool(others) or bool(self._server.connected())
        if not are_connected:
            self._were_connected = False
            return set()
        is_news, self._were_connected = not self._were_connected, True
        refused = self._refused_tables()
        before, self._refused_before = self._refused_before, refused
        elsewhere = {name for report in others for name in report.pending}
        return {*self.pending(), *elsewhere, *refused, *before, *(self._put_at if is_news else ())}

    def acknowledged(self, sleepers: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return which version of the endpoints of *sleepers* each gateway connected here holds, by node."""
        found: dict[str, dict[str, str]] = {gateway.node: {} for gateway in self._server.connected()}
        for target in sleepers:
            for node, version in self._server.holders((EDS, target)).items():
                if version is not None and node in found:
                    found[node][target] = version
        return found

    def refused(self) -> dict[str, str]:
        """Return why a gateway connected here refused something, or why it could not be sent, by type and name."""
        said = {(refusal.type_url, refusal.name): refusal.message for refusal in self._server.refusals()}
        return {_label(key): why for key, why in (said | dict(self._unfit)).items()}

    def spread(self, table: str) -> Spread:
        """Return how far *table* has spread, as it was put last."""
        put_at = self._put_at.get(table)
        here = self._here(table)
        up_to_date = {name: report for name, report in self._others() if put_at and self._has_it(report, put_at)}
        elsewhere = {name: name in up_to_date and table not in report.pending for name, report in self._others()}
        lacking = sorted(where for where, has in (*here.items(), *elsewhere.items()) if not has)
        refused = (self.refused(), *(report.refused for report in up_to_date.values()))
        return Spread(
            connected=len(here) + len(elsewhere),
            lacking=tuple(lacking),
            refused=next((why for said in refused for why in self._why(table, said)), ""),
        )

    def _has_it(self, report: Report, put_at: Vector) -> bool:
        """Return whether a replica serves what was put here at *put_at*: it says the same, or has seen as much."""
        return report.content == self._server.fingerprint or not is_behind(report.state, put_at)

    def _here(self, table: str) -> dict[str, bool]:
        """Return whether each gateway connected here has all of *table*; of one that was never put it has nothing."""
        if table not in self._put_at:
            return {gateway.node: False for gateway in self._server.connected()}
        return self._server.acknowledged(self._server.digests(self._keys_of(table)))

    def _why(self, table: str, refused: Mapping[str, str]) -> Iterator[str]:
        """Yield why something that *table* needs was refused."""
        for key in self._keys_of(table) if refused else ():
            if why := refused.get(_label(key)):
                yield f"{key[1]}: {why}"

    def _refused_tables(self) -> set[str]:
        """Return them by way of what was refused, which is little: there may be thousands of tables."""
        refused = {*self.refused(), *(label for _, report in self._others() for label in report.refused)}
        return {name for label in refused for name in self._tables_of(_key(label)) if name in self._put_at}

    def _others(self) -> Iterator[tuple[str, Report]]:
        """Yield the other replicas that have gateways."""
        view = self._view()
        for name, answer in view.answers.items() if view else ():
            if name != self._own_name and isinstance(answer, Report) and answer.acknowledged:
                yield name, answer


def _label(key: Key) -> str:
    """Return type and name, as in `Cluster models/chat`."""
    return f"{key[0].rpartition('.')[2]} {key[1]}"


def _key(label: str) -> Key:
    """Return type and name of what `_label` returned, on whichever replica; one that nobody knows needs nothing."""
    kind, _, name = label.partition(" ")
    return TYPE_URLS.get(kind, ""), name
