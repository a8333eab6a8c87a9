"""Listeners behind mutual TLS: who is answered, and what a connection costs."""

import aiohttp
import pytest
from aiohttp import web
from tests.controller.serve.secured import LOOPBACK, certificate, client

from modelfleet.controller.cluster.certificates import Holder
from modelfleet.controller.serve.mutual import TLS_BUFFER_BYTES, MutualTlsServer
from modelfleet.controller.serve.tls import OwnCertificate

GATEWAYS = frozenset({Holder.GATEWAY.value})


def application() -> web.Application:
    """Return what answers with the bytes that asyncio keeps for the connection's TLS."""

    async def buffer(request: web.Request) -> web.Response:
        assert request.transport is not None
        return web.Response(text=str(len(request.transport._ssl_protocol._ssl_buffer)))  # type: ignore[attr-defined]  # there is no other way to see it

    app = web.Application()
    app.router.add_get("/", buffer)
    return app


async def test_only_expected_names_are_answered() -> None:
    own = await certificate(Holder.OPERATOR)
    server = MutualTlsServer(application(), 0, certificate=own, clients=GATEWAYS, host=LOOPBACK)
    async with server, client(Holder.GATEWAY) as gateway, client(Holder.OPERATOR) as operator:
        answers = [await each.get(f"https://{LOOPBACK}:{server.port}/") for each in (gateway, operator)]
        refusal = await answers[1].json()

        assert [answer.status for answer in answers] == [200, 403]
        assert "`modelfleet-gateway`" in refusal["error"]["message"]


async def test_a_connection_keeps_little_memory() -> None:
    own = await certificate(Holder.OPERATOR)
    server = MutualTlsServer(application(), 0, certificate=own, clients=GATEWAYS, host=LOOPBACK)
    async with server, client() as gateway:
        answer = await gateway.get(f"https://{LOOPBACK}:{server.port}/")

        assert int(await answer.text()) <= TLS_BUFFER_BYTES


async def test_it_listens_before_there_is_a_certificate() -> None:
    async def nothing() -> None:
        return None

    own = OwnCertificate(nothing)
    async with MutualTlsServer(application(), 0, certificate=own, clients=GATEWAYS, host=LOOPBACK) as server:
        async with client() as gateway:
            with pytest.raises(aiohttp.ClientError):
                await gateway.get(f"https://{LOOPBACK}:{server.port}/")

        assert own.problem() is not None
