"""One request: bounded, timed, and repeated with patience. Time is virtual and the wire is a fake."""

import asyncio
from typing import Any

import pytest
from multidict import CIMultiDict
from tests.controller.virtual_time import now, run

from modelfleet.controller.cluster.errors import Unavailable
from modelfleet.controller.cluster.transport import IN_FLIGHT, Call, Transport


class Response:
    """An answer of the wire."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status, self.body = status, body
        self.headers = CIMultiDict(headers)

    async def read(self) -> bytes:
        """Return the body."""
        return self.body


class Wire:
    """Stands for the generated client: answers in turn, each after *seconds*."""

    def __init__(self, *answers: tuple[int, dict[str, str]], seconds: float = 0.0) -> None:
        self.answers, self.seconds = [*answers], seconds
        self.flying = self.most_flying = 0
        self.configuration = self
        self.rest_client = self
        self.host = ""

    async def update_params_for_auth(self, *_: Any) -> None:
        """Add no credentials."""

    async def request(self, *_: Any, **__: Any) -> Response:
        """Answer."""
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.flying -= 1
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return Response(status, b"{}", headers)


def transport(wire: Wire) -> Transport:
    return Transport(wire, jitter=lambda low, high: low)


def call(**options: Any) -> Call:
    return Call(verb="get", method="GET", path="/x", resource="x", **options)


def test_requests_in_flight_are_bounded() -> None:
    async def main() -> tuple[int, float]:
        wire = Wire(seconds=1)
        sender = transport(wire)
        await asyncio.gather(*(sender.read(call()) for _ in range(2 * IN_FLIGHT)))
        return wire.most_flying, now()

    assert run(main()) == (IN_FLIGHT, 2)


def test_a_request_that_must_not_wait_does_not() -> None:
    async def main() -> float:
        wire = Wire(seconds=20)
        sender = transport(wire)
        flood = asyncio.gather(*(sender.read(call()) for _ in range(2 * IN_FLIGHT)))
        await asyncio.sleep(1)
        wire.seconds = 0
        await sender.read(call(bounded=False))
        at = now()
        flood.cancel()
        return at

    assert run(main()) == 1


def test_a_server_that_hangs_is_given_up_on() -> None:
    async def main() -> float:
        with pytest.raises(Unavailable, match="get /x got no answer: TimeoutError"):
            await transport(Wire(seconds=1e6)).read(call(timeout_seconds=5, attempts=2))
        return now()

    assert run(main()) == pytest.approx(10.25)


def test_pauses_between_tries_double() -> None:
    async def main() -> float:
        with pytest.raises(Unavailable):
            await transport(Wire(*[(503, {})] * 4)).read(call())
        return now()

    assert run(main()) == 0.25 + 0.5 + 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("7", 7, id="as asked"),
        pytest.param("3600", 30, id="half a minute at most"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", 0.25, id="a date is not understood"),
    ],
)
def test_a_server_that_asks_for_patience_gets_it(header: str, seconds: float) -> None:
    async def main() -> float:
        await transport(Wire((429, {"Retry-After": header}))).read(call())
        return now()

    assert run(main()) == seconds


def test_a_warning_of_the_server_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        sender = transport(Wire(*[(200, {"Warning": '299 - "v1alpha1 is deprecated"'})] * 3))
        for _ in range(3):
            await sender.read(call())

    run(main())

    assert [record.message for record in caplog.records] == ["the API server warned"]


@pytest.mark.parametrize(
    ("query", "target"),
    [({}, "/x"), ({"force": True, "dryRun": None, "labelSelector": "a=b"}, "/x?force=true&labelSelector=a%3Db")],
)
def test_queries(query: dict[str, Any], target: str) -> None:
    assert call(query=query).target == target
