"""One collection is followed through changes, cuts of the connection and versions that are too old."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from tests.apiserver import connection
from tests.apiserver.connection import Connection
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.namespace import Namespace
from tests.apiserver.proxy import Proxy, proxy

from modelfleet.controller.cluster import reflector
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.reflector import Reflector
from modelfleet.controller.cluster.resources import SECRETS, Json

PATIENCE_SECONDS = 60.0


class Known:
    """What was learned so far: the names that exist, each with its data, and how often everything was listed."""

    def __init__(self) -> None:
        self.data: dict[str, Json] = {}
        self.lists = 0
        self._news = asyncio.Event()

    def replace(self, items: Iterable[Json], version: int) -> None:
        """Take in everything there is."""
        assert version > 0
        self.data = {item["metadata"]["name"]: item["data"] for item in items}
        self.lists += 1
        self._news.set()

    def change(self, event_type: str, obj: Json) -> None:
        """Take in one change."""
        name = obj["metadata"]["name"]
        if event_type == "DELETED":
            del self.data[name]
        else:
            self.data[name] = obj["data"]
        self._news.set()

    async def becomes(self, right: Callable[["Known"], bool]) -> None:
        """Return once what is known is *right*."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not right(self):
                await self._news.wait()
                self._news.clear()


@pytest.fixture
def way(plane: ControlPlane | None, namespace: Namespace) -> Iterator[Proxy]:
    """Yield a way to the API server that can be cut."""
    if plane is None:
        pytest.skip("the way to a foreign API server is not ours to cut")
    with proxy(plane.connection.server) as made:
        yield made


@asynccontextmanager
async def following(way: Proxy, plane: ControlPlane, namespace: Namespace, directory: Path) -> AsyncIterator[Known]:
    """Yield what a reflector of the namespace's Secrets knows while it runs."""
    path, known = directory / "kubeconfig", Known()
    path.write_text(yaml.safe_dump(connection.kubeconfig(Connection(way.address, plane.connection.token))))
    cluster = await Cluster.connect(path)
    followed = Reflector(cluster, SECRETS, namespace.name, on_list=known.replace, on_event=known.change)
    task = asyncio.create_task(followed.run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await followed.listed.wait()
        yield known
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await cluster.close()
        await everything_is_closed()


async def everything_is_closed() -> None:
    """Return once this loop has no connection left: TLS says farewell, which takes both ends, after `close`."""
    watched = asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]  # nothing public tells
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(watched) > 1:  # noqa: ASYNC110 - nobody tells; the loop itself has one socket, to wake up
            await asyncio.sleep(0.01)


def secret(name: str, value: str) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"key": value}}


def create(namespace: Namespace, name: str, value: str = "YQ==") -> None:
    path = f"/api/v1/namespaces/{namespace.name}/secrets"
    namespace.http.post(path, json=secret(name, value)).raise_for_status()


def delete(namespace: Namespace, name: str) -> None:
    namespace.http.delete(f"/api/v1/namespaces/{namespace.name}/secrets/{name}").raise_for_status()


@pytest.mark.asyncio
async def test_changes_arrive_and_what_a_cut_hid_is_learned_afterwards(
    way: Proxy, plane: ControlPlane, namespace: Namespace, tmp_path: Path
) -> None:
    create(namespace, "before")
    async with following(way, plane, namespace, tmp_path) as known:
        create(namespace, "made")
        delete(namespace, "before")
        await known.becomes(lambda k: set(k.data) == {"made"})

        way.cut()
        create(namespace, "hidden")
        delete(namespace, "made")
        way.mend()
        await known.becomes(lambda k: set(k.data) == {"hidden"})

        create(namespace, "later", "Yg==")
        await known.becomes(lambda k: k.data.get("later") == {"key": "Yg=="})


@pytest.mark.asyncio
async def test_a_watch_that_falls_silent_is_begun_again(
    way: Proxy, plane: ControlPlane, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflector, "SILENT_SECONDS", 2.0)
    async with following(way, plane, namespace, tmp_path) as known:
        way.fall_silent()
        create(namespace, "unseen")

        await known.becomes(lambda k: "unseen" in k.data)


@pytest.mark.asyncio
async def test_the_largest_secret_fits_into_one_event(
    way: Proxy, plane: ControlPlane, namespace: Namespace, tmp_path: Path
) -> None:
    async with following(way, plane, namespace, tmp_path) as known:
        create(namespace, "large", "YWFh" * (1024 * 1024 // 4))

        await known.becomes(lambda k: "large" in k.data)
        assert known.lists == 1
