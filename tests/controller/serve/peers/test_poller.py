"""Replicas ask each other over mutual TLS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.controller.serve.secured import LOOPBACK, certificate, client

from modelfleet.controller.cluster.certificates import Holder
from modelfleet.controller.serve.activator.demand import Demand
from modelfleet.controller.serve.mutual import MutualTlsServer
from modelfleet.controller.serve.peers import poller
from modelfleet.controller.serve.peers.poller import PeerPoller, peer_application
from modelfleet.controller.serve.peers.report import PeerView, Report, Unknown

BUSY = Report({"models/m": Demand(3, 4.0, 0.0)}, {"gateway-0": {"models/m": "1-5.ab"}})
QUIET = Report({}, {})
OPERATORS = frozenset({Holder.OPERATOR.value})


@asynccontextmanager
async def replica(app: web.Application) -> AsyncIterator[str]:
    """Yield the address of a replica that serves *app*."""
    own = await certificate(Holder.OPERATOR)
    async with MutualTlsServer(app, 0, certificate=own, clients=OPERATORS, host=LOOPBACK) as server:
        yield f"https://{LOOPBACK}:{server.port}"


async def polled(peers: dict[str, str]) -> PeerView:
    own = await certificate(Holder.OPERATOR)
    asking = PeerPoller(lambda: peers, own_name="me", own=lambda: QUIET, certificate=own, is_needed=lambda: True)
    try:
        return await asking.poll()
    finally:
        await asking.close()


async def test_every_replica_is_asked_and_the_own_one_without_a_connection() -> None:
    async with replica(peer_application(lambda: BUSY)) as other:
        view = await polled({"me": "https://localhost:1", "other": other})

    assert view.answers == {"me": QUIET, "other": BUSY}
    assert view.demand() == BUSY.demand


async def test_a_replica_that_is_not_there_is_unknown() -> None:
    view = await polled({"gone": f"https://{LOOPBACK}:1"})

    assert view.answers["me"] == QUIET
    assert "gone" in view.unknown


async def test_a_replica_that_hangs_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "TIMEOUT_SECONDS", 0.2)
    never = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/peer", hang)
    async with replica(app) as other:
        view = await polled({"hung": other})

    assert "hung" in view.unknown


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(web.json_response({"demand": {}}), id="no report"),
        pytest.param(web.Response(text="?"), id="no JSON"),
        pytest.param(web.Response(status=500), id="an error"),
    ],
)
async def test_an_answer_that_is_no_report_is_unknown(answer: web.Response) -> None:
    async def reply(_: web.Request) -> web.Response:
        return answer

    app = web.Application()
    app.router.add_get("/peer", reply)
    async with replica(app) as other:
        view = await polled({"odd": other})

    assert isinstance(view.answers["odd"], Unknown)


async def test_a_gateway_is_not_told() -> None:
    async with replica(peer_application(lambda: BUSY)) as other, client(Holder.GATEWAY) as gateway:
        answer = await gateway.get(f"{other}/peer")

        assert answer.status == 403
        assert (await answer.json())["error"]["code"] == "unknown_client"


async def test_nobody_is_asked_while_no_fleet_may_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "POLL_SECONDS", 0)
    own = await certificate(Holder.OPERATOR)
    needed, seen, idle = True, asyncio.Event(), asyncio.Event()

    def is_needed() -> bool:
        if not needed:
            idle.set()
        return needed

    asking = PeerPoller(
        dict, own_name="me", own=lambda: BUSY, certificate=own, is_needed=is_needed, on_view=lambda _: seen.set()
    )
    running = asyncio.create_task(asking.run())
    async with asyncio.timeout(30):
        await seen.wait()
        needed = False
        await idle.wait()
        await asyncio.sleep(0)
    running.cancel()

    assert asking.view is None
