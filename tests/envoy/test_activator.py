"""Requests to a sleeping fleet, through the real Envoy and activators that die."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.apiserver.waiting import WITHIN_SECONDS
from tests.controller.serve.secured import SECRETS, certificate
from tests.envoy.activator_process import FLEET, LOOPBACK, ActivatorProcess, write_files
from tests.envoy.envoy_process import Envoy, free_ports, until
from tests.envoy.sleeping_gateway import MODEL, SleepingGateway

from modelfleet.controller.cluster.certificates import Holder
from modelfleet.controller.serve.peers.poller import PeerPoller
from modelfleet.controller.serve.peers.report import Report
from modelfleet.gateway.lower.rules import TRIES_WHILE_WAKING
from modelfleet.gateway.render.listeners import Ports

LONG = 120
COLD_START_SECONDS = 90
Answer = tuple[int, str, str]
"""Status, who answered, and `Retry-After`."""


@dataclass
class Stage:
    """One Envoy, its activators, a pod that is ready once the fleet is awake, and a fallback."""

    envoy: Envoy
    activators: list[ActivatorProcess]
    poller: PeerPoller
    session: aiohttp.ClientSession
    gateway: SleepingGateway
    pod: int

    async def ask(self) -> Answer:
        """Return what a client sees."""
        async with self.session.post(
            f"http://{LOOPBACK}:{self.gateway.ports.gateway}/v1/completions",
            json={"model": MODEL, "prompt": "x" * 2000},
        ) as answer:
            body = await answer.json()
            return (
                answer.status,
                body.get("from", body.get("error", {}).get("code")),
                answer.headers.get("Retry-After", ""),
            )

    def begin(self, count: int) -> "list[asyncio.Task[Answer]]":
        """Begin so many requests."""
        return [asyncio.create_task(self.ask()) for _ in range(count)]

    async def held(self) -> list[int]:
        """Return how many requests each activator holds, as it tells its peers."""
        view = await self.poller.poll()
        demands = [view.answers[str(number)] for number in range(len(self.activators))]
        return [each.demand[FLEET].held if isinstance(each, Report) and FLEET in each.demand else 0 for each in demands]

    async def until_held(self, count: int) -> list[int]:
        """Return how many each holds, once it is so many in all."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WITHIN_SECONDS
        while sum(held := await self.held()) != count:
            if loop.time() > deadline:
                raise AssertionError(f"{held} are held, not {count}; {self.poller.view} {self.envoy.stats(FLEET)}")
            await asyncio.sleep(0.05)
        return held

    async def wake(self) -> None:
        """Let the pod become ready, and the activators know it before Envoy does, as it may happen."""
        self.tell("ready")
        self.gateway.place(self.ports_of_activators, ready=[self.pod])
        members = f"cluster.{FLEET}/pods.membership_total"
        await until(lambda: self.envoy.stat(members) == 1, "Envoy knows the pod")
        self.tell("acknowledged")

    @property
    def ports_of_activators(self) -> list[int]:
        """Where each is, or was."""
        return [each.port for each in self.activators]

    def retries(self) -> int:
        """Return how many tries there were besides the first ones."""
        return sum(self.envoy.stats("^cluster.*upstream_rq_retry$").values())

    def tell(self, word: str) -> None:
        """Tell every activator."""
        for each in self.activators:
            each.tell(word)


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    """Yield the port of a server that answers with its name."""

    async def reply(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"from": name})

    app = web.Application()
    app.router.add_post("/v1/completions", reply)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0, backlog=1024).start()
    yield int(runner.addresses[0][1])
    await runner.cleanup()


@asynccontextmanager
async def stage(
    directory: Path,
    *,
    activators: int = 2,
    has_fallback: bool = True,
    room: int = 1000,
    hold_seconds: float = LONG,
    falls_back: bool = False,
) -> AsyncIterator[Stage]:
    operator = write_files(directory / "operator", SECRETS[Holder.OPERATOR])
    certificates = write_files(directory / "gateway", SECRETS[Holder.GATEWAY])
    async with AsyncExitStack() as running:
        processes = [
            running.enter_context(
                ActivatorProcess(
                    operator, hold_seconds=hold_seconds, falls_back=falls_back, cold_start_seconds=COLD_START_SECONDS
                )
            )
            for _ in range(activators)
        ]
        for each in processes:
            each.await_ports()
        pod, fallback = [await running.enter_async_context(backend(name)) for name in ("pod", "fallback")]
        entry, sink = free_ports(2)
        gateway = SleepingGateway(
            directory,
            Ports(gateway=entry, sink=sink),
            tries=TRIES_WHILE_WAKING,
            fallback=fallback if has_fallback else None,
            room=room,
        )
        poller = await asking(processes)
        running.push_async_callback(poller.close)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=LONG)
        )
        await running.enter_async_context(session)
        bootstrap = gateway.bootstrap(certificates, [each.port for each in processes])
        envoy = running.enter_context(Envoy(bootstrap, concurrency=2))
        await until(envoy.is_ready, "Envoy is ready")
        yield Stage(envoy, processes, poller, session, gateway, pod)


async def asking(processes: Sequence[ActivatorProcess]) -> PeerPoller:
    """Return what asks every replica, as another replica does."""
    peers = {str(number): f"https://{LOOPBACK}:{each.peer_port}" for number, each in enumerate(processes)}
    return PeerPoller(
        lambda: peers,
        own_name="test",
        own=lambda: Report({}, {}),
        certificate=await certificate(Holder.OPERATOR),
        is_needed=lambda: True,
    )


@pytest.mark.parametrize(("victim", "sign"), [(0, signal.SIGTERM), (1, signal.SIGKILL)])
async def test_held_requests_survive_the_death_of_either_activator(
    tmp_path: Path, victim: int, sign: signal.Signals
) -> None:
    async with stage(tmp_path) as here:
        asked = here.begin(200)
        held = await here.until_held(200)
        await asyncio.to_thread(here.activators[victim].end, sign)
        after = await here.until_held(200)
        await here.wake()
        answers = Counter(await asyncio.gather(*asked))

        assert min(held) > 0
        assert after[victim] == 0
        assert answers == {(200, "pod", ""): 200}
        assert here.retries() == held[victim] + 200


async def test_what_the_pods_could_not_take_is_held_too(tmp_path: Path) -> None:
    async with stage(tmp_path, room=100) as here:
        asked = here.begin(200)
        await here.until_held(200)
        await asyncio.to_thread(here.activators[0].end, signal.SIGKILL)
        await here.until_held(200)
        await here.wake()

        assert Counter(await asyncio.gather(*asked)) == {(200, "pod", ""): 200}


async def test_a_request_is_held_no_longer_than_it_may_be(tmp_path: Path) -> None:
    async with stage(tmp_path, has_fallback=False, hold_seconds=1) as here:
        seconds = []
        for _ in range(3):
            started = time.monotonic()
            status, code, retry_after = await here.ask()
            seconds.append(time.monotonic() - started)

            assert (status, code) == (503, "model_not_ready")
            assert 0 < int(retry_after) < COLD_START_SECONDS

        assert 1 <= min(seconds) < 2


async def test_an_activator_that_answers_503_is_not_left_out(tmp_path: Path) -> None:
    async with stage(tmp_path, has_fallback=False, hold_seconds=0.2, activators=1) as here:
        answers = [answer for _ in range(3) for answer in await asyncio.gather(*here.begin(10))]

        assert {(status, code) for status, code, _ in answers} == {(503, "model_not_ready")}
        assert all(retry_after for _, _, retry_after in answers)


async def test_after_that_a_fallback_answers(tmp_path: Path) -> None:
    async with stage(tmp_path, hold_seconds=1) as here:
        assert Counter(await asyncio.gather(*here.begin(20))) == {(200, "fallback", ""): 20}


async def test_a_fleet_whose_requests_do_not_wait_still_wakes(tmp_path: Path) -> None:
    async with stage(tmp_path, falls_back=True) as here:
        answer = await here.ask()
        view = await here.poller.poll()

        assert answer == (200, "fallback", "")
        assert view.demand()[FLEET].is_wanted


async def test_without_a_fallback_it_is_503_and_never_425(tmp_path: Path) -> None:
    async with stage(tmp_path, has_fallback=False, falls_back=True) as here:
        answers = await asyncio.gather(*here.begin(4))

        assert {(status, code) for status, code, _ in answers} == {(503, "model_not_ready")}


async def test_a_client_that_leaves_is_no_longer_counted(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        asked = here.begin(10)
        await here.until_held(10)
        for leaving in asked[:4]:
            leaving.cancel()
        await here.until_held(6)
        await here.wake()

        assert Counter(await asyncio.gather(*asked[4:])) == {(200, "pod", ""): 6}


async def test_without_any_activator_the_fallback_answers_every_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        for each in here.activators:
            await asyncio.to_thread(each.end, signal.SIGKILL)
        answers = [answer for _ in range(3) for answer in await asyncio.gather(*here.begin(10))]

        assert Counter(answers) == {(200, "fallback", ""): 30}
