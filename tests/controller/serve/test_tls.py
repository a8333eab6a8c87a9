"""Mutual TLS on loopback, and certificates that change under open listeners."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest

from modelfleet.controller.cluster import pki
from modelfleet.controller.cluster.certificates import Holder, wanted
from modelfleet.controller.cluster.errors import Unavailable
from modelfleet.controller.cluster.pki import TlsSecret
from modelfleet.controller.serve import tls
from modelfleet.controller.serve.tls import OwnCertificate
from modelfleet.controller.serve.xds.tls import server_credentials

NOW = dt.datetime.now(dt.UTC)
SERVER_NAME = Holder.OPERATOR.value


class Source:
    """A Secret that tests exchange."""

    def __init__(self, secret: TlsSecret | None) -> None:
        self.secret = secret

    async def read(self) -> TlsSecret | None:
        """Return what the Secret holds now."""
        return self.secret


async def own(secret: TlsSecret | None) -> tuple[Source, OwnCertificate]:
    source = Source(secret)
    certificate = OwnCertificate(source.read)
    await certificate.refresh()
    return source, certificate


@asynccontextmanager
async def listening(certificate: OwnCertificate) -> AsyncIterator[int]:
    """Tell every client the names that its certificate shows."""

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(",".join(tls.names_of(writer.transport)).encode() + b"\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(tell, "127.0.0.1", 0, ssl=certificate.listener_context())
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, context: ssl.SSLContext) -> tuple[str, bytes]:
    """Return what the listener said, and the certificate it showed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=SERVER_NAME)
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        said = (await reader.readline()).decode().strip()
        if not said:
            raise ConnectionError("closed without a word")
        return said, shown
    finally:
        writer.close()


def der(secret: TlsSecret) -> bytes:
    return ssl.PEM_cert_to_DER_cert(secret.certificate.decode())


async def test_both_ends_show_and_check_certificates() -> None:
    made = wanted({}, now=NOW)
    _, operator = await own(made[Holder.OPERATOR])
    _, gateway = await own(made[Holder.GATEWAY])
    async with listening(operator) as port:
        said, shown = await ask(port, gateway.client_context())

    assert said == "modelfleet-gateway"
    assert shown == der(made[Holder.OPERATOR])


async def test_the_next_connection_shows_and_trusts_the_new_certificates() -> None:
    before, after = wanted({}, now=NOW), wanted({}, now=NOW)
    source, operator = await own(before[Holder.OPERATOR])
    _, old = await own(before[Holder.GATEWAY])
    _, new = await own(after[Holder.GATEWAY])
    async with listening(operator) as port:
        await ask(port, old.client_context())
        source.secret = after[Holder.OPERATOR]
        await operator.refresh()
        said, shown = await ask(port, new.client_context())
        both = TlsSecret(
            before[Holder.GATEWAY].certificate, before[Holder.GATEWAY].key, after[Holder.GATEWAY].authorities
        )
        _, stranger = await own(both)
        with pytest.raises((OSError, ssl.SSLError)):
            await ask(port, stranger.client_context())

    assert said == "modelfleet-gateway"
    assert shown == der(after[Holder.OPERATOR])


async def test_a_client_without_a_certificate_is_refused() -> None:
    made = wanted({}, now=NOW)
    _, operator = await own(made[Holder.OPERATOR])
    bare = ssl.create_default_context(cadata=made[Holder.OPERATOR].authorities.decode())
    async with listening(operator) as port:
        with pytest.raises((OSError, ssl.SSLError)):
            await ask(port, bare)


async def test_a_server_of_another_authority_is_refused() -> None:
    _, operator = await own(wanted({}, now=NOW)[Holder.OPERATOR])
    _, gateway = await own(wanted({}, now=NOW)[Holder.GATEWAY])
    async with listening(operator) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, gateway.client_context())


async def test_a_broken_secret_changes_nothing() -> None:
    made = wanted({}, now=NOW)
    source, operator = await own(made[Holder.OPERATOR])
    source.secret = TlsSecret(made[Holder.OPERATOR].certificate, made[Holder.GATEWAY].key, b"")
    await operator.refresh()

    assert operator.current == made[Holder.OPERATOR]


async def test_readiness_says_what_is_waited_for() -> None:
    source, operator = await own(None)
    waiting = operator.problem()
    async with listening(operator) as port:
        _, gateway = await own(wanted({}, now=NOW)[Holder.GATEWAY])
        with pytest.raises((OSError, ssl.SSLError)):
            await ask(port, gateway.client_context())
    source.secret = wanted({}, now=NOW)[Holder.OPERATOR]
    await operator.refresh()

    assert waiting is not None
    assert "no usable certificate yet" in waiting
    assert operator.problem() is None
    assert operator.ready.is_set()


async def test_the_secret_is_looked_for_until_it_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "ABSENT_SECONDS", 0)
    answers: list[TlsSecret | Exception | None] = [None, Unavailable("away"), wanted({}, now=NOW)[Holder.OPERATOR]]

    async def read() -> TlsSecret | None:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    operator = OwnCertificate(read)
    running = asyncio.create_task(operator.run())
    async with asyncio.timeout(30):
        await operator.ready.wait()
    running.cancel()

    assert answers == []


async def test_the_key_is_in_no_repr() -> None:
    secret = wanted({}, now=NOW)[Holder.OPERATOR]

    assert "PRIVATE" not in repr(secret)
    assert "PRIVATE" not in repr(pki.read_pair(secret))


async def connect(port: int, client: TlsSecret) -> None:
    """Return once a gRPC channel to *port* is ready; raise `TimeoutError` when it is not."""
    credentials = grpc.ssl_channel_credentials(client.authorities, client.key, client.certificate)
    options = [("grpc.ssl_target_name_override", SERVER_NAME)]
    async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)


async def test_grpc_follows_the_certificate() -> None:
    before, after = wanted({}, now=NOW), wanted({}, now=NOW)
    source, operator = await own(before[Holder.OPERATOR])
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", server_credentials(operator.shown))
    await server.start()
    try:
        await connect(port, before[Holder.GATEWAY])
        source.secret = after[Holder.OPERATOR]
        await operator.refresh()
        await connect(port, after[Holder.GATEWAY])
    finally:
        await server.stop(None)

    assert operator.current == after[Holder.OPERATOR]
