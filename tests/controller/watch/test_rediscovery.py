"""A kind that is installed later is no reason to wait for the next resync."""

import asyncio

import pytest
from tests.controller.fake_api import serving

from modelfleet.controller.cluster.resources import PODMONITORS, Resource
from modelfleet.controller.watch import watcher as module
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watch.lists import Watch
from modelfleet.controller.watch.watcher import Watcher

FLEETS = Resource("modelfleet.dev/v1alpha1", "ModelDeployment", "modeldeployments")
WATCHES = (Watch(FLEETS), Watch(PODMONITORS, optional=True))


async def test_every_fleet_is_asked_for_once_an_optional_kind_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REDISCOVER_SECONDS", 0.01)
    keys: asyncio.Queue[str] = asyncio.Queue()

    async with serving(FLEETS) as api:
        api.add(FLEETS, "llama")
        cluster = api.cluster()
        watcher = Watcher(
            cluster,
            Cache([watch.resource for watch in WATCHES], index_label="modelfleet.dev/fleet"),
            WATCHES,
            route=lambda _, __, obj: [str(obj["metadata"]["name"])],
            enqueue=lambda key, _: keys.put_nowait(key),
        )
        await watcher._list_until_complete()
        looking = asyncio.create_task(watcher._rediscover_forever())
        first = [await keys.get() for _ in range(keys.qsize())]
        await api.asked(f"list {PODMONITORS.path()}", times=3)
        asked_in_vain = keys.qsize()
        api.resources = (FLEETS, PODMONITORS)
        async with asyncio.timeout(10):
            again = await keys.get()
        looking.cancel()
        await cluster.close()

    assert set(first) == {again} == {"llama"}
    assert (asked_in_vain, watcher.serves(PODMONITORS)) == (0, True)
