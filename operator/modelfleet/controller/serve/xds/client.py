"""
One gateway's stream as a state machine without I/O: requests go in, and it says what may be sent now.

- Of each type one response is in flight; what changes meanwhile goes into the next.
- The marker goes before whatever else is sent, removals too, so a gateway never holds anything later than its marker:
  a removal leaves no other trace, and a replica that is behind learns of both with the first request of a stream.
- A gateway that has seen a later state than this replica is held: it is sent nothing at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from modelfleet.controller.serve.xds.messages import Request, Response
from modelfleet.controller.serve.xds.order import REMOVALS, STAGES
from modelfleet.controller.serve.xds.resources import Changed, Resource, Resources
from modelfleet.controller.serve.xds.versions import Floor, Vector
from modelfleet.controller.serve.xds.watch import FOREVER, Answered, Watch
from modelfleet.gateway.schema.type_urls import CDS, EDS, MARKER, RDS, RTDS, SRDS


@dataclass(frozen=True, slots=True)
class Move:
    """Something to send."""

    watch: Watch
    resources: list[Resource] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class Client:
    """What one gateway has, wants and is sent; *resources* is what it reads, and never changes."""

    def __init__(self, resources: Resources) -> None:
        self.node = ""
        """node is the id of the gateway, empty until its first request."""
        self._resources = resources
        self._watches: dict[str, Watch] = {}
        self._floor = Floor()
        self._last_nonce = 0

    def receive(self, request: Request) -> Answered:
        """Take in *request*, which is about a type that is served; return what it tells about an earlier response."""
        self.node = request.node or self.node
        watch = self._watches.setdefault(request.type_url, Watch(request.type_url, self._resources))
        answered = watch.answer(request.nonce, is_refusal=request.error is not None)
        self._floor.rise(request.has.values())
        watch.subscribe(request)
        return answered

    def changed(self, changed: Changed) -> None:
        """Learn that resources with these names became different."""
        for type_url, names in (*changed.items(), (RTDS, [MARKER])):
            if watch := self._watches.get(type_url):
                watch.mark(names)

    def look_again(self, type_urls: Iterable[str]) -> None:
        """Learn that what gateways keep of these types became different."""
        for type_url in type_urls:
            if watch := self._watches.get(type_url):
                watch.mark_all()

    def put_back(self, type_url: str, name: str) -> None:
        """
        Send what is served now once more, whatever the gateway holds.

        Envoy 1.40 remembers an extension that it refused, and takes it without using it when it comes again, unless
        another one came in between.
        """
        if watch := self._watches.get(type_url):
            watch.send_again([name])

    def ahead(self) -> list[Vector]:
        """Return the states that the gateway has seen and this replica has not; while there are any, it is held."""
        return self._floor.above(self._resources.vector)

    def let_go(self, vector: Vector) -> None:
        """Hold the gateway no longer for having seen *vector*, or anything before it."""
        self._floor.forget(vector)

    def version(self, type_url: str, name: str) -> str | None:
        """Return the version of a resource that the gateway holds; None for none."""
        watch = self._watches.get(type_url)
        return watch.has.get(name) if watch else None

    def is_refused(self, type_url: str, name: str, digest: str | None) -> bool:
        """Whether the gateway has refused this content."""
        watch = self._watches.get(type_url)
        return watch is not None and digest is not None and watch.refused.get(name) == digest

    def next(self) -> Response | None:
        """Return what may be sent now, and is then in flight; None when that is nothing."""
        if self.ahead():
            return None
        move = self._upserts() or self._removals()
        if before := self._marker(is_needed=move is not None):
            return self._send(before)
        return None if move is None or self._marker_is_late() else self._send(move)

    def _upserts(self) -> Move | None:
        """Return additions and changes of the first stage that has any, of changes whose earlier stages are done."""
        undelivered = FOREVER
        for stage in STAGES:
            watches = self._of(stage)
            for watch in watches:
                if found := watch.upserts(before=undelivered):
                    return Move(watch, resources=found)
            undelivered = min([undelivered, *(watch.undelivered() for watch in watches)])
        return None

    def _removals(self) -> Move | None:
        """Return removals of changes whose additions are done, and whose removals of earlier types are done."""
        undone = min((watch.undelivered() for watch in self._of(REMOVALS)), default=FOREVER)
        for watch in self._of(REMOVALS if self._knows_routes() else (SRDS,)):
            if found := watch.removals(before=undone):
                return Move(watch, removed=found)
            undone = min(undone, watch.unremoved())
        return None

    def _knows_routes(self) -> bool:
        """
        Whether the gateway has said in this stream what it routes by.

        One that has just come back says so type by type; before that, what is to be removed may still be led to.
        """
        scopes = self._watches.get(SRDS)
        return scopes is not None and (not scopes.has or RDS in self._watches)

    def _of(self, type_urls: Iterable[str]) -> list[Watch]:
        return [self._watches[type_url] for type_url in type_urls if type_url in self._watches]

    def _marker(self, *, is_needed: bool) -> Move | None:
        """Return the marker, if the gateway must have it first: Envoy asks for nothing else before it has one."""
        watch = self._watches.get(RTDS)
        if watch is None:
            return None
        if (found := watch.upserts()) and (is_needed or MARKER not in watch.has):
            return Move(watch, resources=found)
        others = watch.removals(before=FOREVER)
        return Move(watch, removed=others) if others else None

    def _marker_is_late(self) -> bool:
        """Whether an older marker is in flight, so that the current one cannot go yet."""
        watch, marker = self._watches.get(RTDS), self._resources.get(RTDS, MARKER)
        return watch is not None and watch.is_waiting and not (marker and watch.is_sending(marker))

    def _send(self, move: Move) -> Response:
        self._last_nonce += 1
        type_url = move.watch.type_url
        response = Response(type_url, str(self._last_nonce), tuple(move.resources), tuple(move.removed))
        move.watch.send(response)
        if type_url == CDS:
            self._send_assignments_again(move.resources)
        return response

    def _send_assignments_again(self, clusters: Iterable[Resource]) -> None:
        """
        Send the endpoints of these clusters after them, changed or not.

        A changed cluster of Envoy 1.40 does not ask for its endpoints again, and neither does a new one whose
        endpoints another one has: it would not become warm before its timeout.
        """
        if watch := self._watches.get(EDS):
            watch.send_again(cluster.content.assignment for cluster in clusters if cluster.content.assignment)
