"""The server as a client of gRPC sees it, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import grpc
import pytest
from prometheus_client import REGISTRY
from tests.controller.serve.xds.gateway_model import SCHEMA

from modelfleet.controller.serve.xds import Server, UnfitResources
from modelfleet.controller.serve.xds.server import METHOD, SERVICE
from modelfleet.gateway.schema.type_urls import CDS, RDS

REQUEST: Any = SCHEMA.type("envoy.service.discovery.v3.DeltaDiscoveryRequest")
RESPONSE: Any = SCHEMA.type("envoy.service.discovery.v3.DeltaDiscoveryResponse")
WITHIN_SECONDS = 30


def routes(name: str, **more: Any) -> dict[str, dict[str, dict[str, Any] | None]]:
    return {RDS: {name: {"name": name, **more}}}


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Server]:
    server = Server(SCHEMA, **options)
    await server.start("127.0.0.1:0")
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            yield server
    finally:
        await server.stop()


class Stream:
    """One stream to a server."""

    def __init__(self, server: Server, node: str = "gateway-0") -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")
        self.call: Any = self._channel.stream_stream(f"/{SERVICE}/{METHOD}")()
        self._node = node

    async def ask(self, *names: str, **more: Any) -> None:
        """Ask for routes, or answer."""
        message = REQUEST(type_url=RDS, resource_names_subscribe=names, **more)
        message.node.id = self._node
        await self.call.write(message.SerializeToString())

    async def answer(self, response: Any, error: str | None = None) -> None:
        """Take a response, or refuse it."""
        message = REQUEST(type_url=RDS, response_nonce=response.nonce)
        if error is not None:
            message.error_detail.message = error
        await self.call.write(message.SerializeToString())

    async def read(self) -> Any:
        """Return the next response."""
        return RESPONSE.FromString(await self.call.read())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._channel.close()


def count(name: str) -> float:
    return REGISTRY.get_sample_value(f"modelfleet_xds_{name}_total", {"type": "routes"}) or 0.0


async def test_nothing_is_served_before_the_first_put() -> None:
    async with serving() as server, Stream(server) as stream:
        await stream.ask("a")
        reading = asyncio.create_task(stream.read())
        while not server.connected():
            assert not reading.done()

            if not server.version((RDS, "a")):
                server.put((1, 1), routes("a"))
            await server.changed(server.revision)

        assert [resource.name for resource in (await reading).resources] == ["a"]


async def test_what_does_not_fit_changes_nothing_and_the_rest_can_be_put() -> None:
    async with serving() as server:
        server.put((1, 1), routes("a"))
        changes: dict[str, Any] = {RDS: {"a": {"name": "a", "nope": 1}, "b": {"name": "b"}}}
        with pytest.raises(UnfitResources) as unfit:
            server.put((1, 2), changes)

        assert [*unfit.value.errors] == [(RDS, "a")]
        assert (server.version((RDS, "a")) or "").startswith("1-1.")
        assert server.version((RDS, "b")) is None

        server.put((1, 2), {RDS: {"b": changes[RDS]["b"]}})

        assert (server.version((RDS, "b")) or "").startswith("1-2.")


async def test_acknowledgements_are_told_for_each_gateway() -> None:
    async with serving() as server, Stream(server) as one, Stream(server, "gateway-1") as two:
        server.put((1, 1), routes("a"))
        await one.ask("a")
        await two.ask("a")
        response = await one.read()
        while len(server.connected()) < 2:
            await server.changed(server.revision)
        wanted = server.digests([(RDS, "a")])
        version = server.version((RDS, "a"))

        assert version
        assert server.acknowledged(wanted) == {"gateway-0": False, "gateway-1": False}

        revision = server.revision
        await one.answer(response)
        await server.changed(revision)

        assert server.acknowledged(wanted) == {"gateway-0": True, "gateway-1": False}
        assert server.holders((RDS, "a")) == {"gateway-0": version, "gateway-1": None}

        server.put((1, 2), routes("a", max_direct_response_body_size_bytes=9))

        assert server.acknowledged(server.digests([(RDS, "a")])) == {"gateway-0": False, "gateway-1": False}
        assert server.reached((RDS, "a"), version) == {"gateway-0": True, "gateway-1": False}
        assert server.acknowledged({(RDS, "gone"): None}) == {"gateway-0": True, "gateway-1": True}


async def test_gateways_are_known_while_they_are_connected() -> None:
    async with serving() as server:
        server.put((1, 1), {})
        async with Stream(server) as stream:
            await stream.ask("a")
            while not server.connected():
                await server.changed(server.revision)
            (gateway,) = server.connected()

        while server.connected():
            await server.changed(server.revision)

        assert (gateway.as_json()["node"], gateway.as_json()["held"]) == ("gateway-0", False)
        assert gateway.peer.startswith("ipv4:127.0.0.1:")
        assert gateway.connected_since.tzinfo is not None


async def test_of_two_streams_of_one_gateway_the_latest_counts() -> None:
    async with serving() as server, Stream(server) as dead:
        server.put((1, 1), routes("a"))
        await dead.ask("a")
        await dead.answer(await dead.read())
        while not any(server.acknowledged(server.digests([(RDS, "a")])).values()):
            await server.changed(server.revision)
        async with Stream(server) as alive:
            await alive.ask("a")
            await alive.read()

            assert len(server.connected()) == 1
            assert server.acknowledged(server.digests([(RDS, "a")])) == {"gateway-0": False}


async def test_a_refusal_is_told_and_counted_and_forgotten_with_the_next_content() -> None:
    told: list[tuple[str, ...]] = []
    before = count("nacks"), count("rejected_resources"), count("responses"), count("sent_bytes")
    async with serving(on_nack=lambda *refusal: told.append(refusal)) as server, Stream(server) as stream:
        server.put((1, 1), routes("a"))
        await stream.ask("a")
        await stream.answer(await stream.read(), error="no such thing")
        while not server.refusals():
            await server.changed(server.revision)
        after = count("nacks"), count("rejected_resources"), count("responses"), count("sent_bytes")

        assert told == [("gateway-0", RDS, "a", "no such thing")]
        assert server.acknowledged(server.digests([(RDS, "a")])) == {"gateway-0": False}
        assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1, 3]

        server.put((1, 2), routes("a", max_direct_response_body_size_bytes=9))

        assert server.refusals() == ()


async def test_an_error_while_a_request_is_read_ends_the_stream_with_an_error() -> None:
    def defect(*_: str) -> None:
        raise ValueError("a defect")

    async with serving(on_nack=defect) as server, Stream(server) as stream:
        server.put((1, 1), routes("a"))
        await stream.ask("a")
        await stream.answer(await stream.read(), error="no")

        assert await stream.call.code() == grpc.StatusCode.UNKNOWN
        assert "a defect" in await stream.call.details()


async def test_requests_may_be_large() -> None:
    """5,000 fleets on a gateway that reconnects; gRPC's own limit is 4 MB."""
    async with serving() as server, Stream(server) as stream:
        server.put((1, 1), routes("a"))
        await stream.ask("a", initial_resource_versions={f"{n}-{'x' * 1000}": "1-1.a" for n in range(8000)})

        assert [resource.name for resource in (await stream.read()).resources] == ["a"]


async def test_types_that_are_not_served_are_not_answered() -> None:
    async with serving() as server, Stream(server) as stream:
        server.put((1, 1), routes("a"))
        await stream.call.write(REQUEST(type_url="type.googleapis.com/envoy.Nope").SerializeToString())
        await stream.ask("a")

        assert [resource.name for resource in (await stream.read()).resources] == ["a"]


async def test_streams_end_orderly_with_the_server() -> None:
    async with serving() as server, Stream(server) as stream:
        server.put((1, 1), routes("a"))
        await stream.ask("a")
        await stream.read()
        await server.stop()

        assert await stream.call.code() == grpc.StatusCode.OK


async def test_an_address_that_is_taken_is_refused() -> None:
    async with serving() as server:
        other = Server(SCHEMA)
        with pytest.raises(RuntimeError):
            await other.start(f"127.0.0.1:{server.port}")


async def test_large_changes_can_be_prepared_in_a_thread() -> None:
    async with serving() as server:
        clusters = {CDS: {f"c{n}": {"name": f"c{n}"} for n in range(100)}}
        prepared = await asyncio.to_thread(server.prepare, clusters)
        server.put_prepared((1, 1), prepared)

        assert server.version((CDS, "c99"))


async def test_a_gateway_that_needs_nothing_is_counted_too() -> None:
    async with serving() as server, Stream(server) as stream:
        server.put((1,), {})
        await stream.ask("a")
        await server.changed(0)

        assert REGISTRY.get_sample_value("modelfleet_xds_clients") == 1
