"""What passes between kopf and the API server is looked at, emptied and never written."""

from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from yarl import URL

from modelfleet.controller.cluster.resources import PODS
from modelfleet.controller.watch.intake import Place
from modelfleet.controller.watch.tap import Tap, WriteRefused

PLACE = Place(PODS, None)


@dataclass
class Request:
    """A request on its way."""

    path: str
    method: str = "GET"
    url: URL = field(init=False)

    def __post_init__(self) -> None:
        self.url = URL(f"https://10.96.0.1{self.path}")


@dataclass
class Response:
    """An answer that has begun."""

    status: int = 200
    closed: bool = False

    def close(self) -> None:
        """End it."""
        self.closed = True


@dataclass
class Server:
    """Answers, and keeps what it was asked and listed."""

    response: Response = field(default_factory=Response)
    lists_succeed: bool = True
    asked: list[str] = field(default_factory=list)
    listed: list[Place] = field(default_factory=list)
    now: float = 0.0

    def tap(self, prefix: str = "") -> Tap:
        """Return a tap in front of this server."""
        return Tap([PLACE], on_list=self.take_list, prefix=prefix, clock=lambda: self.now)

    async def take_list(self, place: Place) -> bool:
        """List a place."""
        self.listed.append(place)
        return self.lists_succeed

    async def handle(self, request: Any) -> Any:
        """Answer a request."""
        self.asked.append(str(request.url.relative()))
        return self.response

    async def send(self, path: str, **options: Any) -> None:
        """Send a request through a tap."""
        request: Any = Request(path, **options)
        await self.tap()(request, self.handle)


async def test_a_list_of_kopf_finds_nothing_and_makes_us_list() -> None:
    server = Server()

    await server.send("/api/v1/pods?labelSelector=a%3Db")

    assert server.asked == ["/api/v1/pods?labelSelector=a%3Db&fieldSelector=metadata.name%3D-"]
    assert server.listed == [PLACE]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/api/v1/pods?watch=true", 200, id="a watch"),
        pytest.param("/api/v1/pods", 410, id="a list that failed"),
        pytest.param("/apis", 200, id="discovery"),
    ],
)
async def test_nothing_else_makes_us_list(path: str, status: int) -> None:
    server = Server(Response(status))

    await server.send(path)

    assert server.listed == []


async def test_kopf_must_try_again_when_our_list_failed() -> None:
    server = Server(lists_succeed=False)

    with pytest.raises(aiohttp.ClientConnectionError, match="pods must be listed before it is watched"):
        await server.send("/api/v1/pods")
    assert server.response.closed


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_writes_do_not_pass(method: str) -> None:
    server = Server()

    with pytest.raises(WriteRefused, match=f"kopf was about to {method} /api/v1/pods"):
        await server.send("/api/v1/pods", method=method)
    assert server.asked == []


async def test_a_place_is_stale_when_nothing_was_asked_for_too_long() -> None:
    server = Server(Response(503))
    tap = server.tap()
    server.now = 100
    before = tap.stale(90)
    request: Any = Request("/api/v1/pods?watch=true")
    await tap(request, server.handle)

    assert (before, tap.stale(90)) == ((PLACE,), ())


async def test_an_api_server_below_a_path_is_understood() -> None:
    server = Server()
    request: Any = Request("/clusters/one/api/v1/pods")

    await server.tap("/clusters/one/")(request, server.handle)

    assert server.listed == [PLACE]
