"""The lease as an object of an API server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.controller.fake_api import FakeApi, serving

from modelfleet.controller.cluster.errors import Conflict, Unavailable
from modelfleet.controller.cluster.lease import ApiLeaseStore, Lease
from modelfleet.controller.cluster.resources import LEASES


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with serving(LEASES) as server:
        yield server


@pytest.fixture
async def store(api: FakeApi) -> AsyncIterator[ApiLeaseStore]:
    cluster = api.cluster()
    yield ApiLeaseStore(cluster.transport, namespace="modelfleet-system", name="modelfleet")
    await cluster.close()


async def test_a_lease_is_created_read_and_replaced(store: ApiLeaseStore) -> None:
    absent = await store.read()
    created = await store.create({"holderIdentity": "a"})
    replaced = await store.replace(created, {"holderIdentity": "b"})

    assert absent is None
    assert await store.read() == replaced
    assert replaced["spec"] == {"holderIdentity": "b"}


async def test_a_lease_that_has_moved_on_is_not_replaced(store: ApiLeaseStore) -> None:
    old = await store.create({"holderIdentity": "a"})
    await store.replace(old, {"holderIdentity": "b"})

    with pytest.raises(Conflict):
        await store.replace(old, {"holderIdentity": "c"})


async def test_a_failing_request_is_not_repeated_by_the_client(api: FakeApi, store: ApiLeaseStore) -> None:
    api.fail(1, 503)

    with pytest.raises(Unavailable):
        await store.read()
    assert api.requests["get leases"] == 1


async def test_a_leader_holds_a_lease_that_people_can_read_and_gives_it_back(
    api: FakeApi, store: ApiLeaseStore
) -> None:
    leading = asyncio.Event()

    async def lead() -> None:
        leading.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(Lease(store, identity="pod-0").run(lead))
    await leading.wait()
    held = await store.read()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    freed = await store.read()

    assert held is not None
    assert freed is not None
    assert (held["spec"]["holderIdentity"], held["spec"]["leaseDurationSeconds"]) == ("pod-0", 15)
    assert held["spec"]["renewTime"].endswith("Z")
    assert freed["spec"]["holderIdentity"] == ""
