"""Listeners and clients on loopback whose certificates belong together."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from modelfleet.controller.cluster.certificates import Holder, wanted
from modelfleet.controller.cluster.pki import TlsSecret
from modelfleet.controller.serve.tls import OwnCertificate

SECRETS = wanted({}, now=dt.datetime.now(dt.UTC))
LOOPBACK = "127.0.0.1"


async def certificate(holder: Holder) -> OwnCertificate:
    """Return the certificate of *holder*, in use."""

    async def read() -> TlsSecret:
        return SECRETS[holder]

    own = OwnCertificate(read)
    await own.refresh()
    return own


@asynccontextmanager
async def client(holder: Holder = Holder.GATEWAY) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session that shows the certificate of *holder*, and expects the operator at the other end."""
    own = await certificate(holder)

    async def expect_the_operator(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        request.server_hostname = Holder.OPERATOR.value
        return await handler(request)

    connector = aiohttp.TCPConnector(limit=0, ssl=own.client_context())
    async with aiohttp.ClientSession(connector=connector, middlewares=(expect_the_operator,)) as session:
        yield session
