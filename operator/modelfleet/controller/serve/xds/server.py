"""The configuration server of the gateways: one stream each, incremental ADS over gRPC."""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from modelfleet.controller.serve.xds import metrics, tls
from modelfleet.controller.serve.xds.acknowledgements import Gateway, Gateways, Refusal, Session
from modelfleet.controller.serve.xds.client import Client
from modelfleet.controller.serve.xds.messages import Request, Response, Wire
from modelfleet.controller.serve.xds.order import TYPES
from modelfleet.controller.serve.xds.resources import Changed, Changes, Gap, Key, Prepared, Resources, prepare
from modelfleet.controller.serve.xds.versions import Vector, digest_of
from modelfleet.gateway.schema import Schema
from modelfleet.gateway.schema.type_urls import ECDS

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD = "DeltaAggregatedResources"
STOP_SECONDS = 1.0

OnNack = Callable[[str, str, str, str], None]
"""`(node, type_url, name, message)`: the resource at fault; it goes back to its last good content by itself."""
OnBehind = Callable[[Vector], None]
"""`(vector)`: a gateway has seen this state, and is held until it is put, or `let_go` is called."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How connections are kept; seconds and bytes."""

    keepalive_seconds: float = 10
    """keepalive_seconds of silence, and a gateway is asked whether it lives."""
    keepalive_timeout_seconds: float = 5
    max_receive_bytes: int = 64 * 1024 * 1024
    """max_receive_bytes: the first requests list all a gateway has, and its node all its extensions; gRPC's is 4 MB."""
    max_connection_age_seconds: float | None = None
    """max_connection_age_seconds, ± 10 %, spreads gateways over replicas anew, and has them show new certificates."""
    max_connection_age_grace_seconds: float = 2

    def channel_arguments(self) -> list[tuple[str, int]]:
        """Return them as gRPC has them."""
        arguments = {
            "keepalive_time_ms": round(self.keepalive_seconds * 1000),
            "keepalive_timeout_ms": round(self.keepalive_timeout_seconds * 1000),
            "keepalive_permit_without_calls": 1,
            "http2.max_pings_without_data": 0,
            "http2.max_ping_strikes": 0,  # else gRPC closes the streams of gateways that watch for a hung replica
            "max_receive_message_length": self.max_receive_bytes,
            "max_send_message_length": -1,
            "so_reuseport": 0,  # else a second server on one port would share it silently
        }
        if self.max_connection_age_seconds is not None:
            arguments["max_connection_age_ms"] = round(self.max_connection_age_seconds * 1000)
            arguments["max_connection_age_grace_ms"] = round(self.max_connection_age_grace_seconds * 1000)
        return [(f"grpc.{name}", value) for name, value in arguments.items()]


class Server:
    """
    Serves the current resources to every gateway; `put` is the only writer.

    Everything but `prepare` belongs to one event loop. Callbacks are called in it, and must not block or raise.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        on_nack: OnNack | None = None,
        on_behind: OnBehind | None = None,
        options: ServerOptions | None = None,
    ) -> None:
        self.port = 0
        """port is the one that is listened on."""
        self._schema, self._wire = schema, Wire(schema)
        self._on_nack, self._on_behind = on_nack, on_behind
        self._options = options or ServerOptions()
        self._resources = Resources(schema)
        self._gateways = Gateways()
        self._refusals: dict[Key, Refusal] = {}
        self._is_complete = asyncio.Event()
        self._is_stopping = False
        self._grpc: grpc.aio.Server | None = None  # without a reference it would be collected, and end silently

    async def start(self, address: str, certificates: tls.Certificates | None = None) -> None:
        """
        Listen on *address* (`[::]:18000`; port 0 chooses one), in plain text without *certificates*.

        Raises `RuntimeError` when the address is taken, and what *certificates* raises.
        """
        self._grpc = grpc.aio.server(options=self._options.channel_arguments())
        method = grpc.stream_stream_rpc_method_handler(self._stream, self._wire.read, self._wire.write)
        self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {METHOD: method}),))
        if certificates is None:
            self.port = self._grpc.add_insecure_port(address)
        else:
            self.port = self._grpc.add_secure_port(address, tls.server_credentials(certificates))
        await self._grpc.start()
        log.info("serving gateways", extra={"port": self.port, "tls": certificates is not None})

    async def stop(self) -> None:
        """Close all streams; gateways go on with what they have, and turn to other replicas."""
        if self._grpc is None:
            return
        self._is_stopping = True
        self._is_complete.set()
        for session in self._gateways.sessions:
            session.wake.set()
        await self._grpc.stop(STOP_SECONDS)  # streams that still run then are cancelled, which gRPC logs as an error
        self._grpc = None

    def prepare(self, changes: Changes) -> Prepared:
        """
        Return *changes* ready for `put`; it may run in a thread, as it takes some 0.3 ms for each resource.

        Raises `UnfitResources`, whose `errors` name each resource that does not fit Envoy's schema.
        """
        return prepare(self._schema, changes)

    def put(self, vector: Vector, changes: Changes) -> None:
        """
        Apply *changes* `{type URL: {name: body, or None for what is to go}}` as one step; what is not named stays.

        *vector* is the state they make, one number for each input, growing; the first put must bring everything. A
        cluster without endpoints is served empty ones; to empty those of a cluster that stays, put empty ones. Raises
        `UnfitResources`, and changes nothing.
        """
        self.put_prepared(vector, self.prepare(changes))

    def put_prepared(self, vector: Vector, prepared: Prepared, gap: Gap | None = None) -> None:
        """Apply what `prepare` returned, as `put` does; of what is in *gap* a gateway keeps what may be later."""
        before = self._resources.gap
        changed = self._resources.put(vector, prepared, gap)
        kept = {type_url for each in (before, gap) if each and before != gap for type_url, _ in each.starts}
        for session in self._gateways.sessions:
            session.client.look_again(kept)
        for type_url, names in changed.items():
            for name in names:
                self._refusals.pop((type_url, name), None)
        self._is_complete.set()
        self._tell(changed)

    def let_go(self, vector: Vector) -> None:
        """
        Hold gateways no longer for having seen *vector* or anything before it.

        To be called once a quorum LIST, started after `on_behind` named *vector*, has been put: then this replica is as
        new as anybody ever was, also where the cluster was restored to an older state.
        """
        for session in self._gateways.sessions:
            session.client.let_go(vector)
        self._tell({})

    @property
    def revision(self) -> int:
        """Return a number that grows whenever a gateway comes, goes, acknowledges or refuses something."""
        return self._gateways.signal.revision

    async def changed(self, beyond: int) -> int:
        """Return `revision` as soon as it is greater than *beyond*."""
        return await self._gateways.signal.wait(beyond)

    def connected(self) -> tuple[Gateway, ...]:
        """Return the gateways that are connected to this replica."""
        return self._gateways.connected()

    def digests(self, keys: Iterable[Key]) -> dict[Key, str | None]:
        """Return the digests of what was put last, to compare on any replica; None: there is no such resource."""
        return {key: self._resources.wanted(*key) for key in keys}

    @property
    def fingerprint(self) -> str:
        """Return what two replicas have in common exactly when they serve the same."""
        return self._resources.fingerprint

    def version(self, key: Key) -> str | None:
        """Return the version of a resource as it is served now; None when it is not served."""
        served = self._resources.get(*key)
        return None if served is None else served.version

    def acknowledged(self, wanted: Mapping[Key, str | None]) -> dict[str, bool]:
        """
        Return, for the node id of each connected gateway, whether it has acknowledged all of `digests(…)`.

        What it refused counts as not acknowledged, and a resource that is gone counts once the gateway dropped it.
        """
        return self._gateways.acknowledged(wanted)

    def reached(self, key: Key, version: str) -> dict[str, bool]:
        """Return, by node id, whether each gateway has acknowledged *version* of a resource, or a later one."""
        return self._gateways.reached(key, version)

    def holders(self, key: Key) -> dict[str, str | None]:
        """Return, by node id, the version of a resource that each gateway has acknowledged; None for none."""
        return self._gateways.holders(key)

    def refusals(self) -> tuple[Refusal, ...]:
        """Return the resources whose latest content was found to be at fault."""
        return tuple(self._refusals.values())

    def _tell(self, changed: Changed) -> None:
        for session in self._gateways.sessions:
            session.client.changed(changed)
            session.wake.set()
        self._measure()

    def _measure(self) -> None:
        metrics.CLIENTS.set(len(self._gateways.sessions))
        metrics.HELD.set(sum(bool(session.client.ahead()) for session in self._gateways.sessions))

    async def _stream(self, requests: AsyncIterator[Request], context: Any) -> AsyncIterator[Response]:
        await self._is_complete.wait()
        session = Session(Client(self._resources), context.peer(), dt.datetime.now(dt.UTC))
        self._gateways.add(session)
        self._measure()
        reader = asyncio.create_task(self._read(session, requests))
        reader.add_done_callback(lambda _: session.wake.set())
        try:
            while not reader.done() and not self._is_stopping:
                session.wake.clear()
                while response := session.client.next():
                    self._count(response)
                    yield response
                await session.wake.wait()
            if reader.done():
                await reader  # what went wrong in there must not be silent
        finally:
            reader.cancel()
            self._gateways.discard(session)
            self._measure()

    async def _read(self, session: Session, requests: AsyncIterator[Request]) -> None:
        async for request in requests:
            self._receive(session, request)
            session.wake.set()

    def _receive(self, session: Session, request: Request) -> None:
        if request.type_url not in TYPES:
            return
        client = session.client
        was_ahead, was_known = client.ahead(), bool(client.node)
        answered = client.receive(request)
        if not was_known:
            log.info("gateway connected", extra={"node": client.node, "peer": session.peer})
        for name, version in (*request.has.items(), *answered.taken.items()):
            self._resources.prove(request.type_url, name, digest_of(version))
        if request.error is not None:
            metrics.NACKS.labels(metrics.TYPE_LABELS[request.type_url]).inc()
        if answered.refused is not None:
            self._refuse(client, request, *answered.refused)
        if (ahead := client.ahead()) != was_ahead:
            self._hold(client, ahead)
        if answered.taken or answered.refused or not was_known or request.has:
            self._gateways.signal.notify()

    def _refuse(self, client: Client, request: Request, name: str, digest: str | None) -> None:
        type_url, message = request.type_url, request.error or ""
        log.warning(
            "a gateway refused a resource",
            extra={"node": client.node, "type": metrics.TYPE_LABELS[type_url], "resource": name, "error": message},
        )
        metrics.REJECTED.labels(metrics.TYPE_LABELS[type_url]).inc()
        self._refusals[type_url, name] = Refusal(client.node, type_url, name, message)
        if self._resources.refuse(type_url, name, digest):
            self._tell({type_url: [name]})
        if type_url == ECDS:
            client.put_back(type_url, name)
        if self._on_nack is not None:
            self._on_nack(client.node, type_url, name, message)

    def _hold(self, client: Client, ahead: list[Vector]) -> None:
        self._measure()
        for vector in ahead:
            log.info("a gateway has seen a later state and is held", extra={"node": client.node, "state": vector})
            if self._on_behind is not None:
                self._on_behind(vector)

    def _count(self, response: Response) -> None:
        label = metrics.TYPE_LABELS[response.type_url]
        metrics.RESPONSES.labels(label).inc()
        metrics.BYTES.labels(label).inc(sum(len(resource.content.body) for resource in response.resources))
