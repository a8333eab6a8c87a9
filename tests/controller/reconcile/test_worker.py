"""Workers lose no key: what failed comes again, and so does what a lease near its end held back."""

import asyncio
from collections.abc import Callable

import pytest
from tests.controller.virtual_time import now, run

from modelfleet.controller.cluster.errors import NotLeader, Unavailable
from modelfleet.controller.reconcile.worker import Workers
from modelfleet.controller.watch.queue import KeyedQueue
from modelfleet.controller.watched import Key, Subject

KEY = Key(Subject.FLEET, "models", "llama")


def times(reconcile: Callable[[int], float | None], *, until: int) -> list[float]:
    """Return when a key was reconciled; *reconcile* is told how many times before."""

    async def main() -> list[float]:
        seen: list[float] = []
        done = asyncio.Event()

        async def one(_: Key) -> float | None:
            seen.append(now())
            if len(seen) == until:
                done.set()
            return reconcile(len(seen))

        queue: KeyedQueue[Key] = KeyedQueue(jitter=lambda: 1.0)
        working = asyncio.create_task(Workers(queue, {Subject.FLEET: one}, count=2).run())
        queue.add(KEY)
        await done.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return seen

    return run(main())


def test_a_key_that_the_fence_held_back_comes_again() -> None:
    def fenced_once(count: int) -> float | None:
        if count == 1:
            raise NotLeader("too little is left of the lease")
        return None

    assert times(fenced_once, until=2) == [0.0, 1.0]


@pytest.mark.parametrize("error", [Unavailable("away"), KeyError("a defect")], ids=["the world", "a defect"])
def test_what_fails_comes_again_ever_later(error: Exception) -> None:
    def failing(_: int) -> float | None:
        raise error

    assert times(failing, until=4) == [0.0, 0.5, 1.5, 3.5]


def test_a_reconcile_says_when_it_wants_to_come_again() -> None:
    assert times(lambda _: 15.0, until=3) == [0.0, 15.0, 30.0]
