"""One object's failure is tried again, and keeps no other from its turn."""

import asyncio
import logging
from collections import Counter

import pytest
from tests.controller import virtual_time

from modelfleet.controller.cluster.errors import NotLeader, Unavailable
from modelfleet.controller.reconcile.worker import Workers
from modelfleet.controller.watch.queue import KeyedQueue
from modelfleet.controller.watched import Key, Subject

GOOD, BAD = Key(Subject.FLEET, "models", "good"), Key(Subject.POLICY, "models", "bad")


def tried(error: Exception | None, *, seconds: float = 60.0, again: float | None = None) -> Counter[Key]:
    """Return how often two keys are tried in *seconds*, one of which fails with *error*."""
    seen: Counter[Key] = Counter()

    async def good(key: Key) -> float | None:
        seen[key] += 1
        return again

    async def bad(key: Key) -> None:
        seen[key] += 1
        if error is not None:
            raise error

    async def main() -> None:
        queue: KeyedQueue[Key] = KeyedQueue(jitter=lambda: 1.0)
        queue.add(BAD)
        queue.add(GOOD)
        work = asyncio.create_task(Workers(queue, {Subject.FLEET: good, Subject.POLICY: bad}, count=1).run())
        await asyncio.sleep(seconds)
        work.cancel()
        await asyncio.wait([work])

    virtual_time.run(main())
    return seen


def test_what_succeeds_comes_once() -> None:
    assert tried(None) == {GOOD: 1, BAD: 1}


def test_what_asks_to_come_again_does() -> None:
    assert tried(None, seconds=50.0, again=15.0)[GOOD] == 4


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(Unavailable("no answer"), "a reconcile failed and is tried again", id="the cluster"),
        pytest.param(KeyError("x"), "a reconcile failed", id="a defect"),
    ],
)
def test_what_fails_comes_again_with_growing_pauses(
    error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        seen = tried(error)

    assert seen == {GOOD: 1, BAD: 7}
    assert {record.getMessage() for record in caplog.records} == {words}


def test_what_a_lease_near_its_end_held_back_comes_again_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert tried(NotLeader("too little is left of the lease"), seconds=2.5)[BAD] == 3
    assert caplog.records == []
