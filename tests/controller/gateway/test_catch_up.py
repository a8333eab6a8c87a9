"""A replica that is behind lists everything anew until that succeeds, and only then holds nobody any longer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.controller import virtual_time

from modelfleet.controller.gateway.catch_up import CatchUp
from modelfleet.controller.gateway.vector import Version

Check = Callable[["Given"], Coroutine[Any, Any, None]]


class Given:
    """Lists that answer as they are told, and what was done."""

    def __init__(self) -> None:
        self.answers = [True]
        self.due = True
        self.done: list[Any] = []
        self.held = asyncio.Event()
        self.held.set()
        self.catch_up = CatchUp(
            relist=self._relist, publish=self._publish, is_due=lambda _: self.due, let_go=self._let_go
        )

    async def _relist(self, failures: int) -> bool:
        self.done.append(("list", failures))
        await self.held.wait()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _publish(self) -> None:
        self.done.append("publish")

    def _let_go(self, vector: Version) -> None:
        self.done.append(vector)


def catching_up(check: Check) -> None:
    async def main() -> None:
        given = Given()
        task = asyncio.create_task(given.catch_up.run())
        try:
            await check(given)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    virtual_time.run(main())


def test_what_was_listed_is_published_before_anybody_is_let_go() -> None:
    async def check(given: Given) -> None:
        given.catch_up.ask((1, 2))
        await asyncio.sleep(60)

        assert given.done == [("list", 0), "publish", (1, 2)]

    catching_up(check)


def test_a_list_that_failed_is_tried_again_less_and_less() -> None:
    async def check(given: Given) -> None:
        given.answers = [False] * 3 + [True]
        given.catch_up.ask((1, 2))
        await asyncio.sleep(60)

        assert given.done == [("list", 0), ("list", 1), ("list", 2), ("list", 3), "publish", (1, 2)]

    catching_up(check)


def test_an_outage_costs_a_list_now_and_then() -> None:
    async def check(given: Given) -> None:
        given.answers = [False]
        given.catch_up.ask((1, 2))
        await asyncio.sleep(600)

        assert len(given.done) < 50

    catching_up(check)


def test_what_is_asked_for_during_a_list_takes_another_one() -> None:
    async def check(given: Given) -> None:
        given.held.clear()
        given.catch_up.ask((1, 2))
        await asyncio.sleep(1)
        given.catch_up.ask((1, 3))
        given.held.set()
        await asyncio.sleep(60)

        assert given.done == [("list", 0), "publish", (1, 2), ("list", 0), "publish", (1, 3)]

    catching_up(check)


def test_gateways_that_ask_at_once_share_one_list() -> None:
    async def check(given: Given) -> None:
        given.catch_up.ask((1, 2))
        given.catch_up.ask((1, 2))
        given.catch_up.ask((1, 3))
        await asyncio.sleep(60)

        assert [each for each in given.done if each[0] == "list"] == [("list", 0)]
        assert {(1, 2), (1, 3)} <= set(given.done)

    catching_up(check)


def test_a_newer_release_is_not_made_up_for_as_long_as_it_is_there() -> None:
    async def check(given: Given) -> None:
        given.due = False
        given.catch_up.ask((2, 2))
        await asyncio.sleep(60)
        before = list(given.done)
        given.due = True
        await asyncio.sleep(60)

        assert before == []
        assert given.done[-1] == (2, 2)

    catching_up(check)
