"""What a real Envoy does with what it is served: it starts, follows, and goes on."""

import asyncio

from tests.envoy.envoy_process import until
from tests.envoy.xds_world import (
    acknowledged,
    assignment,
    cluster,
    fleet,
    keys,
    merged,
    responses_sent,
    routes,
    without,
    world,
)

from modelfleet.gateway.schema.type_urls import CDS, EDS, MARKER_KEY, RDS, SRDS

WARM_WITHIN_SECONDS = 20
"""Shorter than the 60 s after which a cluster gives up waiting for its endpoints."""


async def test_a_cold_envoy_is_ready_only_once_it_is_served() -> None:
    async with world() as w:
        replica = await w.replica()
        await until(lambda: w.envoy.stat("control_plane.connected_state"), "the stream is open")

        assert not w.envoy.is_ready()

        replica.server.put((1, 1), w.base("chat"))
        await w.ready()
        await w.serves("chat", "A")

        assert (await asyncio.to_thread(w.ask, "other"))[0] == 404


async def test_models_come_change_and_go_without_an_error_in_between() -> None:
    async with world() as w:
        replica = await w.replica((1, 1), w.base("chat"))
        await w.ready()
        put = replica.server.put
        put((1, 2), fleet("new", w.a))
        status = await until(lambda: w.status_unless("new", 404), "the new model is known")

        assert status == 200

        put((1, 3), {EDS: {"new": assignment("new", w.b)}})
        await w.serves("new", "B")
        put((1, 4), merged(fleet("newer", w.a), {RDS: {"fleet/new": routes("new", to="newer")}}))
        await w.serves("new", "A")
        gone = without(fleet("chat", w.a))  # endpoints go with their cluster
        put((1, 5), gone)
        await acknowledged(replica.server, {t: gone[t] for t in (CDS, RDS, SRDS)})
        await w.serves("chat", 404)

        assert "cluster.chat.membership_total" not in w.envoy.stats("cluster.chat")
        assert "1-5" in str(w.envoy.get("/runtime").json()["entries"][MARKER_KEY])
        assert replica.refused == []


async def test_a_changed_cluster_becomes_warm_though_its_endpoints_are_as_before() -> None:
    async with world() as w:
        replica = await w.replica((1, 1), w.base("chat"))
        await w.ready()
        changes = {CDS: {"chat": cluster("chat", connect_timeout="3s")}}
        replica.server.put((1, 2), changes)
        async with asyncio.timeout(WARM_WITHIN_SECONDS):
            await acknowledged(replica.server, changes)

        assert w.envoy.stat("cluster_manager.warming_clusters") == 0
        assert await asyncio.to_thread(w.ask, "chat") == (200, "A")


async def test_a_new_cluster_that_shares_endpoints_becomes_warm() -> None:
    async with world() as w:
        replica = await w.replica((1, 1), w.base("chat"))
        await w.ready()
        variant = cluster("chat~1", eds_cluster_config=cluster("")["eds_cluster_config"] | {"service_name": "chat"})
        changes = merged({CDS: {"chat~1": variant}, RDS: {"fleet/chat": routes("chat", to="chat~1")}})
        replica.server.put((1, 2), changes)
        async with asyncio.timeout(WARM_WITHIN_SECONDS):
            await acknowledged(replica.server, changes)

        assert await asyncio.to_thread(w.ask, "chat") == (200, "A")


async def test_a_cluster_that_nobody_gave_endpoints_holds_up_nothing() -> None:
    async with world() as w:
        replica = await w.replica((1, 1), w.base("chat"))
        await w.ready()
        changes = merged(fleet("empty", w.a), fleet("new", w.a))
        del changes[EDS]["empty"]
        replica.server.put((1, 2), changes)
        async with asyncio.timeout(WARM_WITHIN_SECONDS):
            await acknowledged(replica.server, changes)

        assert (await asyncio.to_thread(w.ask, "empty"))[0] == 503
        assert await asyncio.to_thread(w.ask, "new") == (200, "A")


async def test_a_restart_with_the_same_content_sends_nothing() -> None:
    async with world() as w:
        content = w.base(*(f"m{n}" for n in range(20)))
        first = await w.replica((1, 1), content)
        await w.ready()
        await acknowledged(first.server, content)
        await first.server.stop()
        await until(lambda: not w.envoy.stat("control_plane.connected_state"), "the stream is closed")

        assert await asyncio.to_thread(w.ask, "m7") == (200, "A")

        before = responses_sent()
        second = await w.replica((1, 9), content)
        await acknowledged(second.server, content)
        await asyncio.to_thread(w.ask, "m7")

        assert responses_sent() == before
        assert len(keys(content)) == 81
        assert second.behind == []
