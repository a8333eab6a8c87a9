"""One collection is followed: what a list shows never undoes a later change, and failures are lived through."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import pytest
from tests.controller import virtual_time

from modelfleet.controller.cluster.errors import ClusterError, Expired, Forbidden, Unavailable
from modelfleet.controller.cluster.reflector import Reflector
from modelfleet.controller.cluster.resources import SECRETS, Json, Resource


class Watch:
    """One answer to a watch: its *status*, and events that are pushed as lines."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    @property
    def content(self) -> AsyncIterator[bytes]:
        """Return the lines."""
        return self._read_lines()

    async def read(self) -> bytes:
        """Return the body of a failure."""
        return b"{}"

    def push(self, kind: str, name: str, version: int) -> None:
        """Tell of a change."""
        obj = {"metadata": {"name": name, "namespace": "ns", "resourceVersion": str(version)}}
        self._lines.put_nowait(json.dumps({"type": kind, "object": obj}).encode())

    def expire(self) -> None:
        """Say that the version is too old to go on from."""
        self._lines.put_nowait(json.dumps({"type": "ERROR", "object": {"code": 410}}).encode())

    async def _read_lines(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._lines.get()


class Api:
    """An API server that answers lists and watches as it is told."""

    server = "https://api"

    def __init__(self) -> None:
        self.lists: list[tuple[list[Json], str] | ClusterError] = []
        self.list_times: list[float] = []
        self.watch = Watch()
        self.hold: asyncio.Event | None = None

    async def list(self, resource: Resource, namespace: str | None = None) -> tuple[list[Json], str]:
        """Return the next list; the last one again and again."""
        del resource, namespace
        self.list_times.append(virtual_time.now())
        answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if self.hold:
            await self.hold.wait()
        if isinstance(answer, ClusterError):
            raise answer
        return answer

    def open_session(self) -> Any:
        """Return itself as a session."""
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    @asynccontextmanager
    async def get(self, *_: Any, **__: Any) -> AsyncIterator[Watch]:
        """Answer a watch."""
        yield self.watch


class Followed:
    """A reflector of *api*, and the names it told of."""

    def __init__(self, api: Api) -> None:
        self.names: set[str] = set()
        self.replaced = 0
        self.reflector = Reflector(api, SECRETS, "ns", on_list=self._replace, on_event=self._change)

    def _replace(self, items: Iterable[Json], _version: int) -> None:
        self.names = {item["metadata"]["name"] for item in items}
        self.replaced += 1

    def _change(self, kind: str, obj: Json) -> None:
        self.names.discard(obj["metadata"]["name"])
        if kind != "DELETED":
            self.names.add(obj["metadata"]["name"])


def listed(version: int, *names: str) -> tuple[list[Json], str]:
    return [{"metadata": {"name": name}} for name in names], str(version)


def while_following(api: Api, check: Callable[[Followed], Coroutine[Any, Any, None]]) -> None:
    """Run *check* while *api* is followed."""

    async def main() -> None:
        followed = Followed(api)
        task = asyncio.create_task(followed.reflector.run())
        try:
            await check(followed)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    virtual_time.run(main())


async def moment() -> None:
    await asyncio.sleep(0.001)


@contextmanager
def held(api: Api) -> Iterator[None]:
    """Keep lists from being answered."""
    api.hold = asyncio.Event()
    yield
    api.hold.set()
    api.hold = None


def test_a_list_that_later_changes_have_overtaken_takes_nothing_back() -> None:
    api = Api()
    api.lists = [listed(10, "a")]

    async def check(followed: Followed) -> None:
        await followed.reflector.listed.wait()
        with held(api):
            relist = asyncio.create_task(followed.reflector.relist())
            await moment()
            api.watch.push("ADDED", "b", 11)
            await moment()
        await relist

        assert followed.names == {"a", "b"}
        assert followed.replaced == 1

    while_following(api, check)


def test_changes_that_a_list_has_shown_already_are_not_told_again() -> None:
    api = Api()
    api.lists = [listed(10, "a"), listed(20)]

    async def check(followed: Followed) -> None:
        await followed.reflector.listed.wait()
        await followed.reflector.relist()
        api.watch.push("ADDED", "b", 15)
        api.watch.push("DELETED", "b", 16)
        api.watch.push("ADDED", "c", 21)
        await moment()

        assert followed.names == {"c"}

    while_following(api, check)


def test_a_cluster_that_was_restored_to_an_older_state_is_believed() -> None:
    api = Api()
    api.lists = [listed(100, "a", "b"), listed(50, "a")]

    async def check(followed: Followed) -> None:
        await followed.reflector.listed.wait()
        api.watch.expire()
        await moment()

        assert followed.names == {"a"}

    while_following(api, check)


def test_what_may_not_be_read_keeps_nobody_waiting_and_is_tried_again() -> None:
    api = Api()
    api.lists = [Forbidden("no"), listed(10, "a")]

    async def check(followed: Followed) -> None:
        await followed.reflector.listed.wait()
        before = followed.names
        await asyncio.sleep(30)

        assert before == set()
        assert followed.names == {"a"}

    while_following(api, check)


@pytest.mark.parametrize(("status", "seconds"), [(403, 60), (410, 60), (500, 60)])
def test_a_watch_that_is_never_opened_is_tried_less_and_less(
    status: int, seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api()
    api.lists, api.watch = [listed(10, "a")], Watch(status)

    async def check(followed: Followed) -> None:
        await asyncio.sleep(seconds)

        assert followed.names == {"a"}
        assert len(api.list_times) < 15

    while_following(api, check)
    assert len(caplog.records) <= 1


def test_relist_says_when_it_failed() -> None:
    async def main() -> None:
        api = Api()
        api.lists = [Unavailable("away"), Expired("too old")]
        followed = Followed(api)
        for kind in (Unavailable, Expired):
            with pytest.raises(kind):
                await followed.reflector.relist()

        assert not followed.reflector.listed.is_set()

    virtual_time.run(main())
