"""Envoy refuses one resource among many: it is found, the others arrive, and what was there before goes on."""

import asyncio
from typing import Any

import pytest
from tests.envoy.envoy_process import free_port, until
from tests.envoy.xds_world import (
    Resources,
    T,
    World,
    acknowledged,
    assignment,
    cluster,
    keys,
    listener,
    merged,
    routes,
    scope,
    source,
    world,
)

from modelfleet.gateway.schema.type_urls import CDS, ECDS, EDS, LDS, RDS, SRDS

NAMES = [f"m{n:02}" for n in range(19)]
BAD = "m07"
LUA = "envoy.extensions.filters.http.lua.v3.Lua"


def script(name: str, code: str) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": T + LUA, "default_source_code": {"inline_string": code}}}


def discovered(name: str) -> dict[str, Any]:
    return {"name": name, "config_discovery": {"config_source": source(), "type_urls": [T + LUA]}}


def changed_clusters(w: World) -> Resources:
    bad = {"type": "STATIC", "eds_cluster_config": None, "load_assignment": assignment(BAD, w.a, host="no-ip")}
    return {CDS: {n: cluster(n, connect_timeout="2s", **(bad if n == BAD else {})) for n in NAMES}}


def changed_endpoints(w: World) -> Resources:
    return {EDS: {n: assignment(n, w.b, host="no-ip" if n == BAD else "127.0.0.1") for n in NAMES}}


def changed_routes(w: World) -> Resources:
    changed = {f"fleet/{n}": routes(n, to=NAMES[0]) for n in NAMES}
    return {RDS: changed | {f"fleet/{BAD}": {"name": f"fleet/{BAD}", "virtual_hosts": [{"name": "x"}]}}}


def changed_scopes(w: World) -> Resources:
    changed = {n: scope(n) | {"route_configuration_name": f"fleet/{NAMES[0]}"} for n in NAMES}
    return {SRDS: changed | {BAD: {"name": BAD, "route_configuration_name": f"fleet/{BAD}", "key": {}}}}


def new_listeners(w: World) -> Resources:
    made = {n: listener(free_port(), name=n) for n in NAMES}
    return {LDS: made | {BAD: made[BAD] | {"address": {"socket_address": {"address": "no-ip", "port_value": 1}}}}}


def new_extensions(w: World) -> Resources:
    code = dict.fromkeys(NAMES, "function envoy_on_response(handle) end") | {BAD: "function"}
    return {ECDS: {n: script(n, code[n]) for n in NAMES}}


@pytest.mark.parametrize(
    "changes_of", [changed_clusters, changed_endpoints, changed_routes, changed_scopes, new_listeners, new_extensions]
)
async def test_the_one_at_fault_is_found_and_its_neighbours_arrive(changes_of: Any) -> None:
    async with world() as w:
        changes = changes_of(w)
        ((type_url, bodies),) = changes.items()
        bad = f"fleet/{BAD}" if type_url == RDS else BAD
        before = {n: script(n, "") for n in NAMES} if type_url == ECDS else {}
        gateway = listener(w.entry, *map(discovered, before))
        base = merged(w.base(*NAMES), {ECDS: before, LDS: {"gateway": gateway}})
        replica = await w.replica((1, 1), base)
        await w.ready()
        await acknowledged(replica.server, base)
        replica.server.put((1, 2), changes)
        await until(lambda: replica.refused, "the one at fault is named")
        await acknowledged(replica.server, {type_url: {n: body for n, body in bodies.items() if n != bad}})

        assert replica.refused == [(type_url, bad)]
        assert replica.server.acknowledged(replica.server.digests([(type_url, bad)])) == {"gateway-0": False}
        assert [(refusal.name, bool(refusal.message)) for refusal in replica.server.refusals()] == [(bad, True)]
        assert await asyncio.to_thread(w.ask, BAD) == (200, "A")  # its last good content


async def test_what_is_served_after_a_refusal_is_the_last_good_content() -> None:
    """A gateway that starts later gets that, and a restart of the one that refused it changes nothing."""
    async with world() as w:
        base = w.base("chat")
        replica = await w.replica((1, 1), base)
        await w.ready()
        bad = {RDS: {"fleet/chat": {"name": "fleet/chat", "virtual_hosts": [{"name": "x"}]}}}
        replica.server.put((1, 2), bad)
        await until(lambda: replica.refused, "it is refused")
        replica.server.put((1, 3), bad)
        await asyncio.to_thread(w.envoy.kill)
        await asyncio.to_thread(w.envoy.start)
        await w.ready()
        await w.serves("chat", "A")

        assert replica.refused == [(RDS, "fleet/chat")]
        assert len(keys(base)) == 5

        replica.server.put((1, 4), {RDS: {"fleet/chat": routes("chat")}})
        await acknowledged(replica.server, base)

        assert replica.server.refusals() == ()


async def test_an_extension_that_was_refused_is_refused_again_after_a_restart_of_the_server() -> None:
    """Envoy would acknowledge it, and not use it, had the last good one not been put back."""
    async with world() as w:
        base = merged(
            w.base("chat"), {ECDS: {"x": script("x", "")}, LDS: {"gateway": listener(w.entry, discovered("x"))}}
        )
        first = await w.replica((1, 1), base)
        await w.ready()
        await acknowledged(first.server, base)
        bad = {ECDS: {"x": script("x", "function")}}
        first.server.put((1, 2), bad)
        await until(lambda: first.refused, "it is refused")
        await first.server.stop()
        second = await w.replica((1, 3), merged(base, bad))
        await until(lambda: second.refused, "it is refused again")

        assert await asyncio.to_thread(w.ask, "chat") == (200, "A")
