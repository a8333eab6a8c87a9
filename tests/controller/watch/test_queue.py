"""Keys coalesce, come at their earliest deadline, never twice at once, and back off after failures."""

import asyncio
import itertools

import pytest
from tests.controller.virtual_time import now, run

from modelfleet.controller.watch.queue import Backoff, KeyedQueue


def queue(*, jitter: float = 1.0) -> KeyedQueue[str]:
    return KeyedQueue(backoff=Backoff(0.5, 300.0), jitter=lambda: jitter)


def test_a_key_added_often_is_given_out_once() -> None:
    async def main() -> tuple[str, int]:
        keys = queue()
        for _ in range(5):
            keys.add("a")
        return await keys.get(), keys.depth

    assert run(main()) == ("a", 0)


def test_keys_come_in_the_order_of_their_deadlines() -> None:
    async def main() -> list[tuple[str, float]]:
        keys = queue()
        keys.add("late", 10)
        keys.add("soon", 2)
        keys.add("now")
        return [(await keys.get(), now()) for _ in range(3)]

    assert run(main()) == [("now", 0), ("soon", 2), ("late", 10)]


def test_the_earliest_deadline_wins() -> None:
    async def main() -> list[tuple[str, float]]:
        keys = queue()
        keys.add("a", 5)
        keys.add("a", 1)
        keys.add("a", 9)
        first = await keys.get(), now()
        keys.done("a")
        keys.add("b", 30)
        return [first, (await keys.get(), now())]

    assert run(main()) == [("a", 1), ("b", 31)]


def test_an_earlier_deadline_wakes_a_worker_that_waits_for_a_later_one() -> None:
    async def main() -> tuple[str, float]:
        keys = queue()
        keys.add("a", 60)
        worker = asyncio.create_task(keys.get())
        await asyncio.sleep(5)
        keys.add("b", 1)
        return await worker, now()

    assert run(main()) == ("b", 6)


def test_a_key_is_not_given_out_while_it_is_worked_on() -> None:
    async def main() -> tuple[list[str], float]:
        keys = queue()
        keys.add("a")
        first = await keys.get()
        keys.add("a")
        second = asyncio.create_task(keys.get())
        await asyncio.sleep(3)
        waiting = second.done()
        keys.done("a")
        assert not waiting
        return [first, await second], now()

    assert run(main()) == (["a", "a"], 3)


def test_a_busy_key_that_is_due_does_not_hold_up_others() -> None:
    async def main() -> str:
        keys = queue()
        keys.add("a")
        await keys.get()
        keys.add("a")
        keys.add("b")
        return await keys.get()

    assert run(main()) == "b"


def test_every_waiting_worker_gets_a_key() -> None:
    async def main() -> set[str]:
        keys = queue()
        workers = [asyncio.create_task(keys.get()) for _ in range(8)]
        await asyncio.sleep(1)
        for name in "abcdefgh":
            keys.add(name, delay=ord(name) % 3)
        return set(await asyncio.gather(*workers))

    assert run(main()) == set("abcdefgh")


def test_a_cancelled_worker_passes_its_wake_up_on() -> None:
    async def main() -> str:
        keys = queue()
        first, second = asyncio.create_task(keys.get()), asyncio.create_task(keys.get())
        await asyncio.sleep(1)
        keys.add("a")
        first.cancel()
        return await second

    assert run(main()) == "a"


def test_failures_back_off_from_half_a_second_to_five_minutes() -> None:
    async def main() -> list[float]:
        keys, tries = queue(), []
        keys.add("a")
        for _ in range(13):
            key = await keys.get()
            tries.append(now())
            keys.done(key, failed=True)
        return [later - earlier for earlier, later in itertools.pairwise(tries)]

    assert run(main()) == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize(("jitter", "seconds"), [pytest.param(0.0, 4, id="least"), pytest.param(1.0, 8, id="most")])
def test_jitter_shortens_a_backoff_by_up_to_half(jitter: float, seconds: float) -> None:
    assert Backoff(0.5, 300.0).seconds(5, jitter) == seconds


def test_success_forgets_failures() -> None:
    async def main() -> list[int]:
        keys, counts = queue(), []
        keys.add("a")
        for failed in (True, True, False):
            keys.done(await keys.get(), failed=failed)
            counts.append(keys.failures("a"))
            keys.add("a", 1000)
        return counts

    assert run(main()) == [1, 2, 0]


def test_an_event_during_a_backoff_asks_at_once() -> None:
    async def main() -> float:
        keys = queue()
        keys.add("a")
        for _ in range(10):
            keys.done(await keys.get(), failed=True)
        before = now()
        keys.add("a")
        await keys.get()
        return now() - before

    assert run(main()) == 0


def test_depth_and_age_count_what_is_due_and_what_is_busy() -> None:
    async def main() -> tuple[int, int, float]:
        keys = queue()
        keys.add("a")
        await keys.get()
        keys.add("a")
        keys.add("b", 100)
        await asyncio.sleep(7)
        return keys.depth, keys.busy, keys.oldest_seconds()

    assert run(main()) == (2, 1, 7)


def test_an_empty_queue_has_no_age() -> None:
    async def main() -> float:
        return queue().oldest_seconds()

    assert run(main()) == 0
