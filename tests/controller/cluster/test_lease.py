"""Two processes and one lease, in virtual time: never two writers, and a writer again as soon as may be."""

import asyncio
import datetime as dt
from dataclasses import dataclass, field

import pytest
from tests.controller.virtual_time import now, run

from modelfleet.controller.cluster.errors import Conflict, NotLeader, Unavailable
from modelfleet.controller.cluster.lease import Lease, unique_identity
from modelfleet.controller.cluster.resources import Json

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@dataclass
class FakeStore:
    """A lease in memory, behind a network that can fail."""

    lease: Json | None = None
    mode: str = "ok"
    writes: int = 0

    async def read(self) -> Json | None:
        """Return the lease."""
        await self._network()
        return self.lease

    async def create(self, spec: Json) -> Json:
        """Create the lease once."""
        await self._network()
        if self.lease is not None:
            raise Conflict("it exists")
        return self._store({"metadata": {"resourceVersion": "0"}, "spec": spec})

    async def replace(self, lease: Json, spec: Json) -> Json:
        """Replace the version that was read."""
        await self._network()
        if self.lease is None or lease["metadata"] != self.lease["metadata"]:
            raise Conflict("it has moved on")
        return self._store(lease | {"spec": spec})

    def _store(self, lease: Json) -> Json:
        self.writes += 1
        self.lease = lease | {"metadata": {"resourceVersion": str(self.writes)}}
        return self.lease

    async def _network(self) -> None:
        if self.mode == "hang":
            await asyncio.sleep(1e6)
        if self.mode == "down":
            raise Unavailable("connection refused")


@dataclass
class World:
    """Who wrote when."""

    store: FakeStore = field(default_factory=FakeStore)
    writers: set[str] = field(default_factory=set)
    most_writers: int = 0
    history: list[tuple[float, str]] = field(default_factory=list)

    def lease(self, name: str, *, store: FakeStore | None = None, day: dt.datetime = NOON) -> Lease:
        """Return a candidate."""
        loop = asyncio.get_running_loop()
        return Lease(
            store or self.store, identity=name, clock=loop.time, wall_clock=lambda: day, jitter=lambda low, _: low
        )

    async def write(self, name: str) -> None:
        """Be a writer until cancelled."""
        self.writers.add(name)
        self.most_writers = max(self.most_writers, len(self.writers))
        self.history.append((now(), f"+{name}"))
        try:
            await asyncio.sleep(1e6)
        finally:
            self.writers.discard(name)
            self.history.append((now(), f"-{name}"))

    def start(self, lease: Lease) -> "asyncio.Task[None]":
        """Let a candidate run."""
        return asyncio.create_task(lease.run(lambda: self.write(lease.identity)))


async def stop(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_the_first_candidate_leads_at_once_and_the_second_waits() -> None:
    async def main() -> World:
        world = World()
        tasks = [world.start(world.lease("a")), world.start(world.lease("b"))]
        await asyncio.sleep(100)
        snapshot = World(history=list(world.history))
        await stop(*tasks)
        return snapshot

    assert run(main()).history == [(0, "+a")]


def test_a_graceful_end_hands_over_within_a_retry() -> None:
    async def main() -> World:
        world = World()
        first, second = world.start(world.lease("a")), world.start(world.lease("b"))
        await asyncio.sleep(9.5)
        await stop(first)
        await asyncio.sleep(5)
        await stop(second)
        return world

    assert run(main()).history[:3] == [(0, "+a"), (9.5, "-a"), (10, "+b")]


def test_after_a_crash_the_other_waits_for_the_whole_duration() -> None:
    async def main() -> list[tuple[float, str]]:
        world = World()
        crashed = world.lease("a")
        await crashed.attempt()
        task = world.start(world.lease("b"))
        await asyncio.sleep(30)
        history = list(world.history)
        await stop(task)
        return history

    assert run(main()) == [(16, "+b")]


@pytest.mark.parametrize("mode", ["down", "hang"])
def test_a_leader_cut_off_stops_before_anybody_else_can_start(mode: str) -> None:
    async def main() -> World:
        world = World()
        wire = FakeStore()
        leader = world.lease("a", store=wire)
        first = world.start(leader)
        await asyncio.sleep(1)
        wire.mode = mode
        await asyncio.sleep(20)
        await stop(first)
        return world

    assert run(main()).history == [(0, "+a"), (10, "-a")]


@pytest.mark.parametrize("mode", ["down", "hang"])
def test_two_candidates_never_write_at_once_whatever_the_network_does(mode: str) -> None:
    async def main() -> World:
        world = World()
        tasks = [world.start(world.lease("a")), world.start(world.lease("b"))]
        for _ in range(5):
            world.store.mode = mode
            await asyncio.sleep(13)
            world.store.mode = "ok"
            await asyncio.sleep(20)
        await stop(*tasks)
        return world

    world = run(main())

    assert world.most_writers == 1
    assert len(world.history) >= 10, "each outage ended one reign and each return began one"


def test_a_short_outage_does_not_end_the_reign() -> None:
    async def main() -> list[tuple[float, str]]:
        world = World()
        task = world.start(world.lease("a"))
        await asyncio.sleep(5)
        world.store.mode = "down"
        await asyncio.sleep(7)
        world.store.mode = "ok"
        await asyncio.sleep(60)
        history = list(world.history)
        await stop(task)
        return history

    assert run(main()) == [(0, "+a")]


def test_losing_the_lease_to_somebody_cancels_the_writer_and_it_leads_again_later() -> None:
    async def main() -> list[tuple[float, str]]:
        world = World()
        task = world.start(world.lease("a"))
        await asyncio.sleep(5)
        thief = {"holderIdentity": "thief", "leaseDurationSeconds": 15}
        await world.store.replace(world.store.lease or {}, thief)
        await asyncio.sleep(40)
        history = list(world.history)
        await stop(task)
        return history

    assert run(main()) == [(0, "+a"), (6, "-a"), (22, "+a")]


def test_a_deleted_lease_is_created_again_without_losing_it() -> None:
    async def main() -> tuple[list[tuple[float, str]], Json | None]:
        world = World()
        task = world.start(world.lease("a"))
        await asyncio.sleep(5)
        world.store.lease = None
        await asyncio.sleep(5)
        history, lease = list(world.history), world.store.lease
        await stop(task)
        return history, lease

    history, lease = run(main())

    assert history == [(0, "+a")]
    assert lease is not None
    assert lease["spec"]["holderIdentity"] == "a"


def test_clocks_that_disagree_by_years_change_nothing() -> None:
    async def main() -> list[tuple[float, str]]:
        world = World()
        first = world.start(world.lease("a", day=NOON.replace(year=2000)))
        second = world.start(world.lease("b", day=NOON.replace(year=2050)))
        await asyncio.sleep(200)
        history = list(world.history)
        await stop(first, second)
        return history

    assert run(main()) == [(0, "+a")]


def test_the_fence_opens_with_the_lease_and_closes_a_write_before_its_end() -> None:
    async def main() -> list[bool]:
        world = World()
        lease = world.lease("a")
        opened = []
        for seconds in (0, 9.9, 0.2):
            await asyncio.sleep(seconds)
            opened.append(may_write(lease))
            if seconds == 0:
                await lease.attempt()
                opened.append(may_write(lease))
        return opened

    assert run(main()) == [False, True, True, False]


def test_the_fence_says_how_long_the_lease_must_last() -> None:
    async def main() -> None:
        World().lease("a").check(5)

    with pytest.raises(NotLeader, match=r"must last 5 s for a write, it lasts 0\.0 s"):
        run(main())


def test_an_error_of_the_writer_gives_the_lease_back_and_ends_the_run() -> None:
    async def main() -> Json | None:
        world = World()

        async def broken() -> None:
            raise RuntimeError("a defect")

        with pytest.raises(RuntimeError, match="a defect"):
            await world.lease("a").run(broken)
        return world.store.lease

    lease = run(main())

    assert lease is not None
    assert lease["spec"]["holderIdentity"] == ""


def test_a_writer_that_fails_while_it_is_stopped_does_not_end_the_candidacy(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> list[float]:
        world, starts = World(), []

        async def clumsy() -> None:
            starts.append(now())
            try:
                await asyncio.sleep(1e6)
            except asyncio.CancelledError:
                raise RuntimeError("could not stop") from None

        task = asyncio.create_task(world.lease("a").run(clumsy))
        await asyncio.sleep(1)
        world.store.mode = "down"
        await asyncio.sleep(20)
        world.store.mode = "ok"
        await asyncio.sleep(20)
        await stop(task)
        return starts

    assert run(main()) == [0, 22]
    assert "ended with an error" in caplog.messages


def test_a_failing_release_does_not_hold_up_the_end() -> None:
    async def main() -> float:
        world = World()
        task = world.start(world.lease("a"))
        await asyncio.sleep(5)
        world.store.mode = "hang"
        await stop(task)
        return now()

    assert run(main()) == 7


def test_an_idle_leader_writes_once_per_retry() -> None:
    async def main() -> int:
        world = World()
        task = world.start(world.lease("a"))
        await asyncio.sleep(59)
        await stop(task)
        return world.store.writes

    assert run(main()) == 1 + 29 + 1


def test_every_process_is_another_holder() -> None:
    first, second = unique_identity("pod-0"), unique_identity("pod-0")

    assert first.startswith("pod-0_")
    assert first != second


def may_write(lease: Lease) -> bool:
    try:
        lease.check(lease.timing.grace)
    except NotLeader:
        return False
    return True
