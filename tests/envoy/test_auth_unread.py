"""A replica that cannot read the Secrets of one namespace: nobody loses a key by it, and nobody else waits for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.envoy.client_listener import ALICE, BOB, ENGINE, KEYS, cluster, served, table
from tests.envoy.envoy_process import LOOPBACK
from tests.envoy.stand_in_engine import StandInEngine
from tests.envoy.test_auth_live import ask, credentials
from tests.envoy.xds_world import Replica, World, until, world

from modelfleet.controller.serve.xds import Gap, Vector
from modelfleet.gateway.ir import ApiKey, Frame, KeySelector
from modelfleet.gateway.render import listeners
from modelfleet.gateway.render.authentication import API_KEYS
from modelfleet.gateway.render.bootstrap import OPERATOR_API
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.schema.type_urls import CDS, ECDS, LDS, RDS, SRDS

NEW = "key-of-alice-new-0"
ROTATED = (*KEYS, ApiKey(NEW, scope="models/people", user="alice"))
READ = (KEYS[0],)
"""The keys of everybody but bob, whose namespace cannot be read."""
MINE, THEIRS, LATER = table("chat"), table("theirs", keys=KeySelector("elsewhere")), table("later")


@asynccontextmanager
async def worlds() -> AsyncIterator[tuple[World, StandInEngine]]:
    with StandInEngine() as engine:
        async with world() as w:
            yield w, engine


def everything(w: World, engine: StandInEngine, keys: tuple[ApiKey, ...], *tables: Any) -> dict[str, Any]:
    clusters = {ENGINE: cluster(ENGINE, engine.port), OPERATOR_API: cluster(OPERATOR_API)}
    parts = served(tables, clusters)
    both = listeners.listeners(Frame(), Ports(gateway=w.entry), LOOPBACK)
    return {
        CDS: dict(parts.clusters),
        LDS: {listeners.GATEWAY: both[listeners.GATEWAY]},
        RDS: dict(parts.route_configurations),
        SRDS: dict(parts.scopes),
        ECDS: credentials(keys),
    }


def put(replica: Replica, vector: Vector, resources: dict[str, Any], *, read: Vector | None) -> None:
    """Put *resources*; *read* is the state without what cannot be read."""
    gap = Gap(read, ((ECDS, API_KEYS),)) if read else None
    replica.server.put_prepared(vector, replica.server.prepare(resources), gap)


async def test_gateway_keeps_the_keys_of_a_namespace_that_its_next_replica_cannot_read() -> None:
    async with worlds() as (w, engine):
        first = await w.replica((1, 5, 5), everything(w, engine, KEYS, MINE, THEIRS))
        await w.ready()
        await until(lambda: ask(w, BOB, "theirs") == 200, "bob is let in")
        await first.server.stop()
        second = await w.replica()
        put(second, (1, 6, 5), everything(w, engine, READ, MINE, THEIRS, LATER), read=(1, 6, 0))
        await until(lambda: ask(w, ALICE, "later") == 200, "everybody else's changes arrive")
        kept = ask(w, BOB, "theirs"), ask(w, ALICE), ask(w, NEW)
        put(second, (1, 6, 7), {ECDS: credentials(ROTATED)}, read=None)
        await until(lambda: ask(w, NEW) == 200, "the namespace was read, and all keys count")

        assert kept == (200, 200, 401)
        assert ask(w, BOB, "theirs") == 200


async def test_gateway_keeps_the_keys_also_where_nothing_was_lost() -> None:
    """What was kept is brought up to date when the namespace is read, also when the content is what was put before."""
    async with worlds() as (w, engine):
        first = await w.replica((1, 5, 5), everything(w, engine, KEYS, MINE, THEIRS))
        await w.ready()
        await until(lambda: ask(w, BOB, "theirs") == 200, "bob is let in")
        await first.server.stop()
        second = await w.replica()
        put(second, (1, 6, 5), everything(w, engine, READ, MINE, THEIRS, LATER), read=(1, 6, 0))
        await until(lambda: ask(w, ALICE, "later") == 200, "everybody else's changes arrive")
        put(second, (1, 6, 7), {ECDS: credentials(READ)}, read=None)
        await until(lambda: ask(w, BOB, "theirs") == 401, "bob's key is gone, as the namespace says")

        assert ask(w, ALICE) == 200


async def test_cold_gateway_serves_everybody_whose_keys_are_read() -> None:
    async with worlds() as (w, engine):
        replica = await w.replica()
        put(replica, (1, 6, 0), everything(w, engine, READ, MINE, THEIRS), read=(1, 6, 0))
        await w.ready()
        await until(lambda: ask(w, ALICE) == 200, "alice is let in")
        stranger = ask(w, BOB, "theirs")
        put(replica, (1, 6, 0), {ECDS: credentials((*READ, ROTATED[-1]))}, read=(1, 6, 0))
        await until(lambda: ask(w, NEW) == 200, "a key is rotated meanwhile")
        put(replica, (1, 6, 7), {ECDS: credentials(ROTATED)}, read=None)
        await until(lambda: ask(w, BOB, "theirs") == 200, "bob is let in once his namespace is read")

        assert stranger == 401
