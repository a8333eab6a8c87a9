"""The client's verbs: what they send, what they return, and how they fail."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY
from tests.controller.fake_api import FakeApi, serving

from modelfleet.controller.cluster.client import PAGE_SIZE, Cluster
from modelfleet.controller.cluster.errors import Conflict, Forbidden, Invalid, NotFound, NotLeader, Unavailable
from modelfleet.controller.cluster.resources import DEPLOYMENTS, NODES, PODS, SERVICES, Json, Resource


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with serving(DEPLOYMENTS, PODS, SERVICES) as server:
        yield server


@pytest.fixture
async def cluster(api: FakeApi) -> AsyncIterator[Cluster]:
    client = api.cluster()
    client.transport._jitter = lambda low, high: 0.0
    yield client
    await client.close()


def deployment(name: str = "llama", **spec: object) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "models"},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        pytest.param(PODS, (), "/api/v1/pods", id="all of the core group"),
        pytest.param(PODS, ("models",), "/api/v1/namespaces/models/pods", id="of a namespace"),
        pytest.param(
            DEPLOYMENTS, ("models", "llama"), "/apis/apps/v1/namespaces/models/deployments/llama", id="an object"
        ),
        pytest.param(NODES, ("models", "n1"), "/api/v1/nodes/n1", id="cluster-wide"),
    ],
)
def test_paths(resource: Resource, arguments: tuple[str, ...], path: str) -> None:
    assert resource.path(*arguments) == path


def test_a_subresource_has_its_own_path() -> None:
    path = DEPLOYMENTS.path("models", "llama", subresource="scale")

    assert path == "/apis/apps/v1/namespaces/models/deployments/llama/scale"


async def test_apply_creates_then_changes_and_repeats_for_nothing(cluster: Cluster) -> None:
    created = await cluster.apply(DEPLOYMENTS, deployment(paused=False), manager="modelfleet")
    repeated = await cluster.apply(DEPLOYMENTS, deployment(paused=False), manager="modelfleet")
    changed = await cluster.apply(DEPLOYMENTS, deployment(paused=True), manager="modelfleet")

    assert repeated["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    assert changed["spec"] == {"paused": True}


async def test_a_dry_run_stores_nothing(cluster: Cluster) -> None:
    answer = await cluster.apply(DEPLOYMENTS, deployment(), manager="modelfleet", dry_run=True)

    assert answer["metadata"]["name"] == "llama"
    assert (await cluster.list(DEPLOYMENTS)).items == []


async def test_children_are_validated_strictly_and_status_with_warnings(api: FakeApi, cluster: Cluster) -> None:
    await cluster.apply(DEPLOYMENTS, deployment(), manager="modelfleet")
    await cluster.merge_patch(DEPLOYMENTS, "models", "llama", {"status": {}}, manager="m", subresource="status")

    sent = [(query["fieldManager"], query.get("force"), query["fieldValidation"]) for query in api.queries]

    assert sent == [("modelfleet", "true", "Strict"), ("m", None, "Warn")]


async def test_a_list_is_read_in_pages_and_its_items_know_their_kind(api: FakeApi, cluster: Cluster) -> None:
    for number in range(PAGE_SIZE + 3):
        api.add(PODS, f"p{number:04}", labels={"app": "a" if number else "b"})

    items, version = await cluster.list(PODS, "models", label_selector="app=a")

    assert (len(items), version) == (PAGE_SIZE + 2, str(api.store.version))
    assert {(item["apiVersion"], item["kind"]) for item in items} == {("v1", "Pod")}
    assert api.requests["list pods"] == 2


async def test_a_list_whose_pages_expire_is_read_in_one_piece(api: FakeApi, cluster: Cluster) -> None:
    for number in range(PAGE_SIZE + 3):
        api.add(PODS, f"p{number:04}")
    api.page_expires = True

    items, _ = await cluster.list(PODS)

    assert len(items) == PAGE_SIZE + 3


async def test_absence_is_not_found(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="get /api/v1/namespaces/models/pods/none was answered with 404: none not found"):
        await cluster.get(PODS, "models", "none")


async def test_deleting_what_is_gone_is_fine(api: FakeApi, cluster: Cluster) -> None:
    api.add(PODS, "p")

    await cluster.delete(PODS, "models", "p")
    await cluster.delete(PODS, "models", "p")

    assert api.requests["delete pods"] == 2


async def test_deleting_another_object_of_the_same_name_is_a_conflict(api: FakeApi, cluster: Cluster) -> None:
    api.add(PODS, "p")

    with pytest.raises(Conflict):
        await cluster.delete(PODS, "models", "p", uid="somebody else's")


async def test_a_patch_of_an_older_version_is_a_conflict(api: FakeApi, cluster: Cluster) -> None:
    old = api.add(PODS, "p")
    api.change(PODS, "p", {"status": {"phase": "Running"}})
    patch = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"], "labels": {"a": "b"}}}

    with pytest.raises(Conflict):
        await cluster.merge_patch(PODS, "models", "p", patch, manager="modelfleet")


async def test_creating_what_exists_is_a_conflict(cluster: Cluster) -> None:
    await cluster.create(DEPLOYMENTS, deployment(), manager="modelfleet")

    with pytest.raises(Conflict):
        await cluster.create(DEPLOYMENTS, deployment(), manager="modelfleet")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_idempotent_requests_survive_passing_failures(api: FakeApi, cluster: Cluster, status: int) -> None:
    api.fail(3, status)

    await cluster.apply(DEPLOYMENTS, deployment(), manager="modelfleet")

    assert api.requests["patch deployments"] == 4


async def test_failures_that_stay_are_unavailable(api: FakeApi, cluster: Cluster) -> None:
    api.fail(9, 503)

    with pytest.raises(Unavailable, match="was answered with 503: made to fail"):
        await cluster.get(PODS, "models", "p")


async def test_a_create_is_repeated_only_when_the_server_turned_it_away(api: FakeApi, cluster: Cluster) -> None:
    api.fail(1, 429, Retry_After="0")
    await cluster.create(DEPLOYMENTS, deployment(), manager="modelfleet")
    api.fail(1, 503)

    with pytest.raises(Unavailable):
        await cluster.create(DEPLOYMENTS, deployment("other"), manager="modelfleet")


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Invalid), (401, Unavailable), (403, Forbidden), (409, Conflict), (413, Invalid), (422, Invalid)],
)
async def test_answers_that_will_not_change_are_not_asked_for_again(
    api: FakeApi, cluster: Cluster, status: int, error: type[Exception]
) -> None:
    api.fail(1, status)

    with pytest.raises(error, match="made to fail"):
        await cluster.apply(DEPLOYMENTS, deployment(), manager="modelfleet")
    assert api.requests["patch deployments"] == 1


async def test_an_apply_of_an_unknown_field_is_invalid_although_the_server_calls_it_its_own_error(
    api: FakeApi, cluster: Cluster
) -> None:
    api.fail(1, 500, message="failed to create typed patch object (models/llama; apps/v1, Kind=Deployment): …")

    with pytest.raises(Invalid, match="failed to create typed patch object"):
        await cluster.apply(DEPLOYMENTS, deployment(), manager="modelfleet")


async def test_a_server_that_is_away_is_unavailable(api: FakeApi, cluster: Cluster) -> None:
    await api.stop()

    with pytest.raises(Unavailable, match="got no answer"):
        await cluster.get(PODS, "models", "p")


async def test_a_fence_stands_before_each_write_and_no_read(api: FakeApi, cluster: Cluster) -> None:
    class Closed:
        def check(self, seconds: float) -> None:
            raise NotLeader(f"{seconds:g}")

    follower = cluster.fenced(Closed(), write_timeout_seconds=3)
    api.add(PODS, "p")

    await follower.get(PODS, "models", "p")
    await follower.apply(DEPLOYMENTS, deployment(), manager="modelfleet", dry_run=True)
    for write in (
        follower.apply(DEPLOYMENTS, deployment(), manager="m"),
        follower.merge_patch(PODS, "models", "p", {}, manager="m"),
        follower.create(DEPLOYMENTS, deployment(), manager="m"),
        follower.delete(PODS, "models", "p"),
    ):
        with pytest.raises(NotLeader, match="3"):
            await write
    assert api.store.objects["deployments"] == {}


async def test_a_write_is_not_tried_again_after_the_lease_is_lost(api: FakeApi, cluster: Cluster) -> None:
    class Closing:
        checks = 0

        def check(self, seconds: float) -> None:
            self.checks += 1
            if self.checks > 1:
                raise NotLeader("lost")

    api.fail(9, 503)

    with pytest.raises(NotLeader):
        await cluster.fenced(Closing()).apply(DEPLOYMENTS, deployment(), manager="modelfleet")
    assert api.requests["patch deployments"] == 1


async def test_the_tail_of_a_log_is_text_and_empty_without_a_log(api: FakeApi, cluster: Cluster) -> None:
    text = await cluster.pod_log_tail("models", "p", "engine", lines=1, previous=True)
    api.fail(1, 400)
    nothing = await cluster.pod_log_tail("models", "p", "engine", lines=1)

    assert (text, nothing) == ("last line\n", "")
    assert api.queries[0]["previous"] == "true"


async def test_requests_carry_the_token(api: FakeApi) -> None:
    api.tokens = {"secret-1"}
    client = api.cluster("secret-1")

    items, _ = await client.list(PODS)
    await client.close()

    assert items == []


async def test_a_refused_token_is_unavailable(api: FakeApi, cluster: Cluster) -> None:
    api.tokens = {"secret-1"}

    with pytest.raises(Unavailable, match="401"):
        await cluster.list(PODS)


async def test_requests_are_counted_by_verb_resource_and_code(api: FakeApi, cluster: Cluster) -> None:
    def counted() -> float:
        labels = {"verb": "list", "resource": "services", "code": "200"}
        return REGISTRY.get_sample_value("modelfleet_api_requests_total", labels) or 0.0

    before = counted()
    await cluster.list(SERVICES)

    assert counted() == before + 1
