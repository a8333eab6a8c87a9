"""Credentials as resources of their own: they come, change and go without a new listener."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from tests.envoy.client_listener import ALICE, BOB, CHAT, ENGINE, KEYS, cluster, served, table
from tests.envoy.envoy_process import LOOPBACK, until
from tests.envoy.stand_in_engine import StandInEngine
from tests.envoy.xds_world import World, world
from tests.gateway.objects import fleet, lowered, policy, secret

from modelfleet.gateway.ir import ApiKey, Frame, Gateway, JwtProvider, RouteTable
from modelfleet.gateway.render import authentication, listeners, tokens
from modelfleet.gateway.render.bootstrap import OPERATOR_API
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.schema.type_urls import CDS, ECDS, LDS, RDS, SRDS

NEW = "key-of-alice-new-0"
TABLES = table("chat"), table("open", required=False)
GOLD = {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold"}}}}


@asynccontextmanager
async def serving(
    keys: tuple[ApiKey, ...] = KEYS, tables: Iterable[RouteTable] = TABLES
) -> AsyncIterator[tuple[World, Any]]:
    """Serve the client listener over ADS."""
    with StandInEngine() as engine:
        async with world() as w:
            clusters = {ENGINE: cluster(ENGINE, engine.port), OPERATOR_API: cluster(OPERATOR_API)}
            parts = served(tables, clusters)
            both = listeners.listeners(Frame(), Ports(gateway=w.entry), LOOPBACK)
            replica = await w.replica(
                (1, 1),
                {
                    CDS: dict(parts.clusters),
                    LDS: {listeners.GATEWAY: both[listeners.GATEWAY]},
                    RDS: dict(parts.route_configurations),
                    SRDS: dict(parts.scopes),
                    ECDS: credentials(keys),
                },
            )
            await w.ready()
            yield w, replica


def credentials(keys: tuple[ApiKey, ...], *providers: JwtProvider) -> dict[str, dict[str, Any]]:
    known = [authentication.api_keys(keys), tokens.jwt(providers)]
    return {one["name"]: one for one in known}


def ask(w: World, key: str | None, model: str = "chat") -> int:
    shown: Mapping[str, str] = {"authorization": f"Bearer {key}"} if key else {}
    url = f"http://{LOOPBACK}:{w.entry}{CHAT}"
    return httpx.post(url, json={"model": model}, headers=shown, trust_env=False).status_code


async def answers(w: World, key: str | None, status: int) -> None:
    await until(lambda: ask(w, key) == status, f"{status} is answered")


async def test_keys_rotate_without_a_new_listener() -> None:
    async with serving() as (w, replica):
        await answers(w, ALICE, 200)
        both = (*KEYS, ApiKey(NEW, scope="models/people", user="alice"))
        replica.server.put((1, 2), {ECDS: credentials(both)})
        await answers(w, NEW, 200)

        assert await asyncio.to_thread(ask, w, ALICE) == 200

        replica.server.put((1, 3), {ECDS: credentials(both[1:])})
        await answers(w, ALICE, 401)

        assert await asyncio.to_thread(ask, w, NEW) == 200
        assert w.envoy.stat("listener_manager.lds.update_success") == 1
        assert replica.refused == []


def limited(*secrets: Any) -> Gateway:
    """Return a gateway whose policy accepts the Secrets of one tier, four requests a minute for all of them."""
    limits = [{"per": "Model", "requestsPerMinute": 4}]
    return lowered(fleet(), policy(auth=GOLD, limits=limits), *secrets).gateway


async def test_new_secret_counts_at_once_and_refills_no_budget() -> None:
    gold = {"tier": "gold"}
    mine, another = secret("mine", labels=gold, ada=ALICE), secret("another", labels=gold, bob=BOB)
    before, after, gone = limited(mine), limited(mine, another), limited(another)
    async with serving(before.keys, before.tables.values()) as (w, replica):
        await answers(w, BOB, 401)
        await answers(w, ALICE, 200)  # the first of the budget
        for version, gateway in enumerate((after, gone), 2):
            parts = served(gateway.tables.values(), {})
            routes = {RDS: dict(parts.route_configurations), SRDS: dict(parts.scopes)}
            replica.server.put((1, version), {**routes, ECDS: credentials(gateway.keys)})
            await answers(w, BOB, 200)  # the second and the third

        await answers(w, ALICE, 401)

        assert [await asyncio.to_thread(ask, w, BOB) for _ in range(2)] == [200, 429]


async def test_without_any_key_everybody_is_a_stranger_or_anonymous() -> None:
    async with serving(keys=()) as (w, replica):
        await answers(w, ALICE, 401)

        assert await asyncio.to_thread(ask, w, None) == 401
        assert await asyncio.to_thread(ask, w, None, "open") == 200
        assert await asyncio.to_thread(ask, w, "eyJhbGciOiJub25lIn0.e30.", "open") == 401
        assert replica.refused == []


async def test_two_users_with_one_key_are_refused_and_the_last_good_keys_stay() -> None:
    async with serving() as (w, replica):
        await answers(w, ALICE, 200)
        twice = (*KEYS, ApiKey(BOB, scope="models/people", user="mallory"))
        replica.server.put((1, 2), {ECDS: credentials(twice)})
        await until(lambda: (ECDS, "api-keys") in replica.refused, "the keys are refused")

        assert await asyncio.to_thread(ask, w, ALICE) == 200
        assert await asyncio.to_thread(ask, w, BOB) == 403


async def test_an_issuer_that_is_away_stops_nobody() -> None:
    async with serving() as (w, replica):
        await answers(w, ALICE, 200)
        away = JwtProvider("away", "https://away", "https://away.invalid/keys", ("llm",))
        replica.server.put(
            (1, 2),
            {
                CDS: tokens.jwks_clusters([away], trusted_ca="/etc/ssl/certs/ca-certificates.crt"),
                ECDS: credentials(KEYS, away),
            },
        )
        await until(
            lambda: f"cluster.jwks/{away.unread_scope}.membership_total" in w.envoy.stats("jwks/"),
            "the issuer is known",
        )

        assert await asyncio.to_thread(ask, w, "eyJhbGciOiJub25lIn0.e30.") == 401
        assert await asyncio.to_thread(ask, w, ALICE) == 200
        assert replica.refused == []
