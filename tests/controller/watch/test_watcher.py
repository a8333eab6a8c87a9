"""The cache stays true and keys are asked for, whatever the API server does. The server is a fake on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.controller.fake_api import FakeApi, serving

from modelfleet.controller.cluster.resources import PODMONITORS, PODS, Json, Resource
from modelfleet.controller.watch import watcher as module
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watch.lists import Watch
from modelfleet.controller.watch.queue import Backoff
from modelfleet.controller.watch.watcher import Watcher

FLEETS = Resource("modelfleet.dev/v1alpha1", "ModelDeployment", "modeldeployments")
LABEL = "modelfleet.dev/fleet"
OURS = "app.kubernetes.io/managed-by=modelfleet"
LABELS = {"app.kubernetes.io/managed-by": "modelfleet", LABEL: "llama"}


@dataclass
class Watched:
    """A running watcher and what it asked for, in order."""

    api: FakeApi
    cache: Cache
    keys: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    watcher: Watcher[str] | None = None
    task: "asyncio.Task[None] | None" = None

    def route(self, resource: Resource, event_type: str, obj: Json) -> Iterable[str]:
        """Return a key that tells what happened."""
        return [f"{event_type} {resource.plural}/{obj['metadata']['name']}"]

    async def next_key(self) -> str:
        """Return the next key that is asked for."""
        async with asyncio.timeout(10):
            return await self.keys.get()

    async def until(self, key: str) -> None:
        """Wait until *key* is asked for."""
        while await self.next_key() != key:
            pass

    async def quiet(self) -> None:
        """Wait until all is listed and every watch is open, then forget what was asked for so far."""
        assert self.watcher is not None
        async with asyncio.timeout(10):
            await self.watcher.complete.wait()
        await self.api.asked("watch pods")
        await self.api.asked("watch modeldeployments")
        while not self.keys.empty():
            self.keys.get_nowait()

    def names(self, resource: Resource) -> set[str]:
        """Return the names in the cache."""
        return {obj["metadata"]["name"] for obj in self.cache.list(resource)}


WATCHES = (Watch(FLEETS), Watch(PODS, OURS), Watch(PODMONITORS, OURS, optional=True))


@contextlib.asynccontextmanager
async def watching(api: FakeApi, **options: Any) -> AsyncIterator[Watched]:
    cluster = api.cluster(options.pop("token", ""))
    cluster.transport._jitter = lambda low, high: 0.0
    watched = Watched(api, Cache([watch.resource for watch in WATCHES], index_label=LABEL))
    watched.watcher = Watcher(
        cluster,
        watched.cache,
        WATCHES,
        route=watched.route,
        enqueue=lambda key, delay: watched.keys.put_nowait(key),
        backoff=Backoff(0.01, 0.05),
        **options,
    )
    watched.task = asyncio.create_task(watched.watcher.run())
    try:
        yield watched
    finally:
        watched.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watched.task
        await cluster.close()


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with serving(FLEETS, PODS) as server:
        yield server


async def test_what_exists_is_listed_then_asked_for(api: FakeApi) -> None:
    api.add(FLEETS, "llama")
    api.add(PODS, "llama-1", labels=LABELS)

    async with watching(api) as watched:
        keys = {await watched.next_key(), await watched.next_key()}

        assert keys == {"MODIFIED modeldeployments/llama", "MODIFIED pods/llama-1"}
        assert watched.cache.complete
        assert len(watched.cache.labelled(PODS, "models", "llama")) == 1


async def test_nothing_is_asked_for_before_everything_was_listed(api: FakeApi) -> None:
    api.add(FLEETS, "llama")
    api.fail(4, 403)

    async with watching(api) as watched:
        await api.asked("list pods", times=1)
        early = watched.keys.qsize()
        await watched.until("MODIFIED modeldeployments/llama")

        assert early == 0


async def test_changes_are_asked_for_as_they_happen(api: FakeApi) -> None:
    async with watching(api) as watched:
        await watched.quiet()
        api.add(FLEETS, "llama")
        api.change(FLEETS, "llama", {"spec": {"replicas": 2}})
        api.remove(FLEETS, "llama")

        keys = [await watched.next_key() for _ in range(3)]

        assert [key.split()[0] for key in keys] == ["ADDED", "MODIFIED", "DELETED"]
        assert watched.names(FLEETS) == set()


async def test_labels_limit_what_the_server_sends(api: FakeApi) -> None:
    async with watching(api) as watched:
        await watched.quiet()
        api.add(PODS, "foreign")
        api.add(PODS, "llama-1", labels=LABELS)

        assert await watched.next_key() == "ADDED pods/llama-1"
        assert watched.names(PODS) == {"llama-1"}


async def test_what_a_child_belonged_to_is_asked_for_when_its_labels_change(api: FakeApi) -> None:
    api.add(PODS, "llama-1", labels=LABELS)

    async with watching(api) as watched:
        await watched.quiet()
        watched.route = lambda resource, event_type, obj: [obj["metadata"]["labels"][LABEL]]  # type: ignore[method-assign]
        assert watched.watcher is not None
        watched.watcher._intake._route = watched.route
        api.change(PODS, "llama-1", {"metadata": {"labels": LABELS | {LABEL: "qwen"}}})

        assert {await watched.next_key(), await watched.next_key()} == {"llama", "qwen"}


@pytest.mark.parametrize("others", [pytest.param(["qwen"], id="some are left"), pytest.param([], id="none is left")])
async def test_a_deletion_that_the_watch_missed_is_found_by_the_next_list(api: FakeApi, others: list[str]) -> None:
    for name in ["llama", *others]:
        api.add(FLEETS, name)

    async with watching(api) as watched:
        await watched.quiet()
        missed(api, FLEETS, "llama")

        await watched.until("DELETED modeldeployments/llama")

        assert watched.names(FLEETS) == set(others)


async def test_an_error_in_the_stream_starts_the_watches_again(api: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    async with watching(api) as watched:
        await watched.quiet()
        foreign = asyncio.create_task(asyncio.Event().wait())
        api.send(FLEETS, {"type": "ERROR", "object": {"kind": "Status", "code": 500, "message": "etcd went away"}})
        await api.asked("watch modeldeployments", times=2)
        api.add(FLEETS, "llama")
        await watched.until("ADDED modeldeployments/llama")

        assert not foreign.done(), "tasks of others are left alone"
        foreign.cancel()
    told = [record for record in caplog.records if record.message == "the watches ended and start again"]
    assert len(told) == 1
    assert [record for record in caplog.records if record.exc_info] == [], "no traceback in the log"


async def test_an_api_server_that_was_away_is_found_again(api: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    api.add(FLEETS, "llama")

    async with watching(api) as watched:
        await watched.quiet()
        await api.stop()
        api.store.delete(FLEETS, "models", "llama")
        api.add(FLEETS, "qwen")
        api.store.compact()
        await api.start()
        await watched.until("DELETED modeldeployments/llama")

        assert watched.names(FLEETS) == {"qwen"}
        assert watched.task is not None
        assert not watched.task.done()
    assert [record for record in caplog.records if record.exc_info] == []


async def test_credentials_that_are_refused_are_asked_for_again(api: FakeApi) -> None:
    api.tokens = {"first"}

    async with watching(api, token="first") as watched:
        await watched.quiet()
        api.tokens = {"second"}
        api.drop_watches()
        await api.asked("watch modeldeployments", times=2)
        assert watched.watcher is not None
        configuration = watched.watcher._cluster.transport.api.configuration  # type: ignore[attr-defined]
        configuration.api_key["BearerToken"] = "Bearer second"
        api.add(FLEETS, "llama")

        await watched.until("ADDED modeldeployments/llama")


async def test_an_optional_resource_is_watched_once_it_is_installed(api: FakeApi) -> None:
    async with watching(api, resync_seconds=0.2) as watched:
        await watched.quiet()
        absent = api.requests["watch podmonitors"]
        api.resources = (*api.resources, PODMONITORS)
        await api.asked("watch podmonitors")
        api.add(PODMONITORS, "llama", labels=LABELS)

        await watched.until("ADDED podmonitors/llama")

        assert absent == 0


async def test_a_required_resource_is_waited_for(api: FakeApi, caplog: pytest.LogCaptureFixture) -> None:
    api.resources = (PODS,)

    async with watching(api) as watched:
        await api.asked(f"list {FLEETS.path()}", times=3)
        early = watched.cache.complete
        api.resources = (PODS, FLEETS)
        await watched.quiet()

        assert not early
        assert caplog.messages.count("a CRD must be installed, it is missing") == 1


async def test_a_resource_that_is_uninstalled_takes_its_objects_with_it(api: FakeApi) -> None:
    api.add(FLEETS, "llama")

    async with watching(api, resync_seconds=0.2) as watched:
        await watched.quiet()
        api.resources = (PODS,)

        await watched.until("DELETED modeldeployments/llama")

        assert watched.names(FLEETS) == set()


async def test_everything_is_asked_for_again_at_every_resync(api: FakeApi) -> None:
    api.add(FLEETS, "llama")

    async with watching(api, resync_seconds=0.1) as watched:
        await watched.quiet()

        for _ in range(3):
            await watched.until("MODIFIED modeldeployments/llama")


async def test_only_reads_are_sent_even_where_kopf_would_write(api: FakeApi) -> None:
    api.add(FLEETS, "llama")
    api.change(FLEETS, "llama", {"metadata": {"finalizers": ["kopf.zalando.org/KopfFinalizerMarker"]}})

    async with watching(api) as watched:
        await watched.quiet()
        api.change(FLEETS, "llama", {"spec": {"replicas": 2}})
        await watched.until("MODIFIED modeldeployments/llama")
        api.add(PODS, "llama-1", labels=LABELS)
        await watched.until("ADDED pods/llama-1")

    assert {what.split()[0] for what in api.requests} == {"list", "watch"}


async def test_one_namespace_is_watched_by_itself(api: FakeApi) -> None:
    api.add(FLEETS, "llama", namespace="models")
    api.add(FLEETS, "foreign", namespace="other")

    async with watching(api, namespaces=["models"]) as watched:
        await watched.quiet()
        api.add(FLEETS, "also-foreign", namespace="other")
        api.add(FLEETS, "qwen", namespace="models")
        await watched.until("ADDED modeldeployments/qwen")

        assert watched.names(FLEETS) == {"llama", "qwen"}


@pytest.mark.parametrize("failures", [pytest.param(0, id="after a quiet run"), pytest.param(1, id="after a failure")])
async def test_it_ends_at_once_and_leaves_no_task(api: FakeApi, failures: int) -> None:
    async with watching(api) as watched:
        await watched.quiet()
        for _ in range(failures):
            api.send(FLEETS, {"type": "ERROR", "object": {"kind": "Status", "code": 500}})
            await api.asked("watch pods", times=2)
        started = asyncio.get_running_loop().time()
    left = [task for task in asyncio.all_tasks() if "kopf" in str(task.get_coro())]

    assert asyncio.get_running_loop().time() - started < 3.0, "kopf waits 5 s for tasks it takes for its own"
    assert left == []


async def test_a_watch_that_stopped_asking_is_a_problem(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(api) as watched:
        await watched.quiet()
        assert watched.watcher is not None
        healthy = watched.watcher.problem()
        monkeypatch.setattr(module, "STALE_SECONDS", -1.0)

        problem = watched.watcher.problem()

        assert healthy is None
        assert problem == "watches must ask again within -1 s, these have not: modeldeployments.modelfleet.dev, pods"


async def test_signals_are_taken_back_whenever_kopf_starts(api: FakeApi) -> None:
    starts: list[int] = []

    async with watching(api, on_started=lambda: starts.append(1)) as watched:
        await watched.quiet()
        api.send(FLEETS, {"type": "ERROR", "object": {"kind": "Status", "code": 504}})
        await api.asked("watch modeldeployments", times=2)

    assert len(starts) == 2


def missed(api: FakeApi, resource: Resource, name: str) -> None:
    """Delete an object behind the watches' backs, and make them list again."""
    api.store.delete(resource, "models", name)
    api.store.compact()
    api.drop_watches()
