"""Which gateways are connected, and which content each of them has acknowledged."""

import asyncio
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelfleet.controller.serve.xds.client import Client
from modelfleet.controller.serve.xds.resources import Key
from modelfleet.controller.serve.xds.versions import digest_of, is_at_least


@dataclass(frozen=True, slots=True)
class Gateway:
    """A connected gateway."""

    node: str
    """node is its id in the bootstrap: the name of the pod."""
    peer: str
    connected_since: dt.datetime
    is_held: bool
    """is_held is whether it is sent nothing, because it has seen a later state than this replica."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "node": self.node,
            "peer": self.peer,
            "connectedSince": self.connected_since.isoformat(),
            "held": self.is_held,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """A resource that a gateway found to be at fault; it keeps the last content it took."""

    node: str
    type_url: str
    name: str
    message: str
    """message is what the gateway says, without what it quotes of the resource."""


@dataclass(eq=False, slots=True)
class Session:
    """One stream of one gateway."""

    client: Client
    peer: str
    since: dt.datetime
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def gateway(self) -> Gateway:
        """Return what is known about it."""
        return Gateway(self.client.node, self.peer, self.since, is_held=bool(self.client.ahead()))


class Signal:
    """A number that grows with every change, and can be waited for."""

    def __init__(self) -> None:
        self.revision = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Note a change, and wake whoever waits."""
        self.revision += 1
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, beyond: int) -> int:
        """Return the revision as soon as it is greater than *beyond*."""
        while self.revision <= beyond:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
        return self.revision


class Gateways:
    """The open streams; of several of one gateway the latest counts: the others are dead, and not closed yet."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.signal = Signal()

    def add(self, session: Session) -> None:
        """Note a stream that was opened."""
        self.sessions.append(session)
        self.signal.notify()

    def discard(self, session: Session) -> None:
        """Note that a stream was closed."""
        self.sessions.remove(session)
        self.signal.notify()

    def connected(self) -> tuple[Gateway, ...]:
        """Return the gateways that have said who they are, sorted by their ids."""
        return tuple(sorted((session.gateway() for session in self._latest().values()), key=lambda g: g.node))

    def holders(self, key: Key) -> dict[str, str | None]:
        """Return the version of one resource that each gateway holds, by node; None for none."""
        return {node: session.client.version(*key) for node, session in self._latest().items()}

    def acknowledged(self, wanted: Mapping[Key, str | None]) -> dict[str, bool]:
        """Return whether each gateway, by node, holds exactly these digests; None: no such resource."""
        return {node: _has_all(session.client, wanted.items()) for node, session in self._latest().items()}

    def reached(self, key: Key, version: str) -> dict[str, bool]:
        """Return whether each gateway, by node, holds the content of *version* or of a state no older."""
        return {node: is_at_least(held, version) for node, held in self.holders(key).items()}

    def _latest(self) -> dict[str, Session]:
        return {session.client.node: session for session in self.sessions if session.client.node}


def _has_all(client: Client, wanted: Iterable[tuple[Key, str | None]]) -> bool:
    return all(digest_of(client.version(*key)) == digest for key, digest in wanted)
