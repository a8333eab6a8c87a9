"""Requests that are held, over real connections; what is waited for are events."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from prometheus_client import REGISTRY
from tests.controller.serve.secured import LOOPBACK, certificate, client

from modelfleet.controller.cluster.certificates import Holder
from modelfleet.controller.serve.activator.application import gateway_application
from modelfleet.controller.serve.activator.decide import Caps, Sleeper
from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.catalogue import Listed
from modelfleet.controller.serve.mutual import MutualTlsServer
from modelfleet.gateway.request import Caller

M = "models/m"
ASLEEP = Sleeper(hold_seconds=300, cold_start_seconds=90)
GATEWAYS = frozenset({Holder.GATEWAY.value})


@dataclass
class Fleets:
    """Fleets that tests wake."""

    fleets: dict[str, Sleeper] = field(default_factory=lambda: {M: ASLEEP})

    def get(self, target: str) -> Sleeper | None:
        """Return a fleet as it is now."""
        return self.fleets.get(target)

    def models_for(self, caller: Caller | None) -> list[Listed]:
        """Return nothing: no test of this file asks for models."""
        return []

    def has_models_behind_credentials(self) -> bool:
        """Return that there are none."""
        return False


@dataclass
class World:
    """One replica's activator, and a client of it that shows the gateway's certificate."""

    fleets: Fleets
    activator: Activator
    url: str
    session: aiohttp.ClientSession

    def ask(self, **headers: object) -> "asyncio.Task[aiohttp.ClientResponse]":
        """Begin a request, on the first of four tries."""
        told = {"target": M, "tries": 4, "model": "chat"} | headers
        named = {f"x-modelfleet-{key}": str(value) for key, value in told.items() if key != "attempt"}
        named |= {"x-envoy-attempt-count": str(told.get("attempt", 1)), "x-request-id": "r-1"}
        url = f"{self.url}/v1/chat/completions"
        return asyncio.create_task(self.session.post(url, headers=named, data=b"x" * 300_000))

    def held(self) -> int:
        """Return how many requests are held."""
        demand = self.activator.demand()
        return demand[M].held if M in demand else 0

    async def until_held(self, count: int) -> None:
        """Return once so many requests are held."""
        await eventually(lambda: self.held() == count)

    def wake(self, *, acknowledged: bool = True) -> None:
        """Make the fleet ready."""
        self.fleets.fleets[M] = replace(ASLEEP, is_ready=True, is_acknowledged=acknowledged)
        self.activator.changed(M)


async def eventually(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if look():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def world(caps: Caps = Caps()) -> AsyncIterator[World]:  # noqa: B008 - frozen
    fleets = Fleets()
    activator = Activator(fleets, caps=caps)
    own = await certificate(Holder.OPERATOR)
    app = gateway_application(activator, fleets)
    server = MutualTlsServer(app, 0, certificate=own, clients=GATEWAYS, host=LOOPBACK, before_end=activator.reset)
    async with server, client() as session:
        yield World(fleets, activator, f"https://{LOOPBACK}:{server.port}", session)


async def test_held_requests_leave_for_the_woken_fleet() -> None:
    async with world() as here:
        asked = [here.ask() for _ in range(20)]
        await here.until_held(20)
        here.wake()
        answers = await asyncio.gather(*asked)

        assert [answer.status for answer in answers] == [425] * 20
        assert here.held() == 0


async def test_they_wait_until_every_gateway_knows() -> None:
    async with world() as here:
        asked = here.ask()
        await here.until_held(1)
        here.wake(acknowledged=False)
        await asyncio.sleep(0)
        still_held = here.held()
        here.wake()
        answer = await asked

        assert still_held == 1
        assert answer.status == 425


async def test_the_last_try_ends_in_an_answer_for_the_client() -> None:
    async with world() as here:
        here.wake()
        answer = await here.ask(attempt=4)
        body = await answer.json()

        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["x-modelfleet-activator"] == "Awake"
        assert answer.headers["x-request-id"] == "r-1"
        assert body["error"] == {
            "message": "The model `chat` is ready; the gateway had no try left to reach it. Try again.",
            "type": "server_error",
            "param": None,
            "code": "model_not_ready",
            "request_id": "r-1",
        }


async def test_the_clock_runs_from_the_gateways_first_try() -> None:
    async with world() as here:
        answer = await here.ask(attempt=4, start=round((time.time() - 301) * 1000))

        assert answer.status == 503
        assert answer.headers["Retry-After"] == "9"


@pytest.mark.parametrize("start", ["", "soon", "9" * 14, pytest.param("9" * 5000, id="long"), "-5", "١"])
async def test_a_start_that_makes_no_sense_is_now(start: str) -> None:
    async with world() as here:
        asked = here.ask(start=start)
        await here.until_held(1)
        here.wake()

        assert (await asked).status == 425


async def test_without_the_number_of_tries_no_425_leaves() -> None:
    async with world() as here:
        here.wake()

        assert (await here.ask(tries="")).status == 503


async def test_above_the_cap_requests_do_not_wait() -> None:
    async with world(Caps(per_fleet=2, total=10)) as here:
        asked = [here.ask(), here.ask()]
        await here.until_held(2)
        first, last = await here.ask(), await here.ask(attempt=4)
        here.wake()
        await asyncio.gather(*asked)

        assert (first.status, last.status) == (425, 503)
        assert last.headers["Retry-After"] == "90"


async def test_a_client_that_leaves_is_no_longer_counted() -> None:
    async with world() as here:
        staying, leaving = here.ask(), here.ask()
        await here.until_held(2)
        leaving.cancel()
        await here.until_held(1)
        here.wake()

        assert (await staying).status == 425


async def test_a_fleet_that_becomes_known_holds_what_already_waits() -> None:
    async with world() as here:
        sleeper = here.fleets.fleets.pop(M)
        asked = here.ask()
        await here.until_held(1)
        here.fleets.fleets[M] = sleeper
        here.activator.changed()
        here.wake()

        assert (await asked).status == 425


async def test_the_end_of_the_process_resets_what_is_held() -> None:
    async with world() as here:
        asked = [here.ask() for _ in range(5)]
        await here.until_held(5)
        here.activator.reset()
        answers = await asyncio.gather(*asked, return_exceptions=True)

        assert all(isinstance(answer, aiohttp.ClientError) for answer in answers)
        await here.until_held(0)


async def test_headers_as_long_as_the_gateways_pass() -> None:
    async with world() as here:
        here.wake()

        assert (await here.ask(long="x" * 40_000)).status == 425


async def test_what_is_held_is_in_the_metrics_and_forgotten_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> float | None:
        return REGISTRY.get_sample_value("modelfleet_activator_held", {"fleet": M})

    async with world() as here:
        asked = here.ask()
        await here.until_held(1)
        while_held = shown()
        here.wake()
        await asked
        here.activator.demand()
        after = shown()
        monkeypatch.setattr(here.activator, "_clock", lambda: time.monotonic() + 61)
        here.activator.demand()

        assert (while_held, after, shown()) == (1.0, 0.0, None)


async def test_another_operator_is_not_served() -> None:
    async with world() as here, client(Holder.OPERATOR) as stranger:
        answer = await stranger.get(f"{here.url}/v1/models")

        assert answer.status == 403
