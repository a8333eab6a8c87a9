"""Several replicas, one after the other and at once: nothing goes back, and one that ends or hangs is left."""

import asyncio
import signal
from collections.abc import Mapping
from typing import Any

import pytest
from tests.envoy.envoy_process import free_ports, until
from tests.envoy.xds_world import (
    ReplicaProcess,
    World,
    acknowledged,
    assignment,
    fleet,
    listener,
    merged,
    responses_sent,
    without,
    world,
)

from modelfleet.controller.serve.xds import ServerOptions
from modelfleet.gateway.schema.type_urls import EDS, LDS

LUA: Mapping[str, Any] = {
    "name": "lua",
    "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"},
}


async def _leave(w: World, replica: Any) -> None:
    await replica.server.stop()
    await until(lambda: not w.envoy.stat("control_plane.connected_state"), "the stream is closed")


async def test_a_replica_that_is_behind_changes_nothing_until_it_has_caught_up() -> None:
    """It has an older listener, an older endpoint and a model that is gone; the marker tells of the last."""
    async with world() as w:
        old = w.base("chat", "gone")
        first = await w.replica((7, 10, 10), old)
        await w.ready()
        news = merged({LDS: {"gateway": listener(w.entry, LUA)}, EDS: {"chat": assignment("chat", w.b)}})
        first.server.put((7, 11, 10), news)
        await acknowledged(first.server, news)
        first.server.put((7, 12, 10), without(fleet("gone", w.a)))
        await w.serves("gone", 404)
        await w.serves("chat", "B")
        await _leave(w, first)
        before, listeners = responses_sent(), w.envoy.stat("listener_manager.listener_modified")
        second = await w.replica((7, 10, 99), old)
        await until(lambda: second.behind, "the replica learns that it is behind")
        second.server.put((7, 11, 99), merged(old, news))
        await until(lambda: w.envoy.stat("control_plane.connected_state"), "the stream is open")

        assert second.behind == [(7, 12, 10)]
        assert [gateway.is_held for gateway in second.server.connected()] == [True]
        assert responses_sent() == before
        assert await asyncio.to_thread(w.ask, "chat") == (200, "B")
        assert (await asyncio.to_thread(w.ask, "gone"))[0] == 404

        second.server.put((7, 12, 100), merged(without(fleet("gone", w.a)), fleet("new", w.a)))
        await w.serves("new", "A")

        assert w.envoy.stat("listener_manager.listener_modified") == listeners
        assert (await asyncio.to_thread(w.ask, "gone"))[0] == 404


async def test_a_gateway_is_let_go_once_a_list_showed_that_nobody_is_newer() -> None:
    """As after the cluster was restored to an older state."""
    async with world() as w:
        first = await w.replica((7, 20), w.base("chat", "lost"))
        await w.ready()
        await acknowledged(first.server, w.base("chat", "lost"))
        await _leave(w, first)
        second = await w.replica((7, 10), w.base("chat"))
        await until(lambda: second.behind, "the replica learns that it is behind")
        second.server.let_go(second.behind[0])
        await w.serves("lost", 404)

        assert await asyncio.to_thread(w.ask, "chat") == (200, "A")
        assert [gateway.is_held for gateway in second.server.connected()] == [False]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
async def test_a_gateway_leaves_a_replica_that_ends_or_hangs(sign: signal.Signals) -> None:
    ports = free_ports(2)
    async with world(xds_ports=ports, keepalive="1s") as w:
        content = w.base("chat")
        with ReplicaProcess(ports[0], (1, 1), content) as one, ReplicaProcess(ports[1], (1, 1), content) as two:
            await w.ready()
            left, other = (one, two) if one.gateways() else (two, one)
            left.process.send_signal(sign)
            await until(other.gateways, "the gateway is at the other replica")

            assert await asyncio.to_thread(w.ask, "chat") == (200, "A")


async def test_connections_end_in_time_so_that_gateways_spread_anew() -> None:
    async with world() as w:
        options = ServerOptions(max_connection_age_seconds=1, max_connection_age_grace_seconds=0.5)
        replica = await w.replica((1, 1), w.base("chat"), options=options)
        await w.ready()
        await acknowledged(replica.server, w.base("chat"))
        peer, before = replica.server.connected()[0].peer, responses_sent()
        await until(lambda: any(g.peer != peer for g in replica.server.connected()), "the gateway came back")

        assert responses_sent() == before
        assert await asyncio.to_thread(w.ask, "chat") == (200, "A")
