"""The cache never goes back, prunes by lists, and tells news once."""

from typing import Any

import pytest

from modelfleet.controller.cluster.resources import DEPLOYMENTS, PODS
from modelfleet.controller.watch.cache import REMEMBERED_DELETIONS, Cache, Change
from modelfleet.controller.watch.slim import with_replicas_owners, without_managed_fields

LABEL = "modelfleet.dev/fleet"


def obj(version: int, name: str = "a", *, namespace: str = "models", fleet: str | None = None, **rest: Any) -> Any:
    labels = {"labels": {LABEL: fleet}} if fleet else {}
    return {"metadata": {"name": name, "namespace": namespace, "resourceVersion": str(version), **labels}, **rest}


def cache(**options: Any) -> Cache:
    return Cache([DEPLOYMENTS, PODS], index_label=LABEL, **options)


def known_version(seen: Cache, name: str = "a") -> int | None:
    found = seen.get(DEPLOYMENTS, "models", name)
    return int(found["metadata"]["resourceVersion"]) if found else None


@pytest.mark.parametrize(
    ("history", "news", "version"),
    [
        pytest.param([("ADDED", 5)], [True], 5, id="a first sight is news"),
        pytest.param([("ADDED", 5), ("MODIFIED", 6)], [True, True], 6, id="a newer version is news"),
        pytest.param([("MODIFIED", 6), ("MODIFIED", 5)], [True, False], 6, id="an older version is ignored"),
        pytest.param([("ADDED", 5), (None, 5)], [True, False], 5, id="a re-list of the same is no news"),
        pytest.param([("ADDED", 5), ("DELETED", 7)], [True, True], None, id="deletion"),
        pytest.param([("ADDED", 9), ("DELETED", 7)], [True, False], 9, id="a late deletion of an older object"),
        pytest.param([("ADDED", 5), ("DELETED", 7), ("MODIFIED", 6)], [True, True, False], None, id="no resurrection"),
        pytest.param([("ADDED", 5), ("DELETED", 7), ("ADDED", 8)], [True, True, True], 8, id="created again"),
        pytest.param([("DELETED", 7), ("MODIFIED", 6)], [False, False], None, id="deletion before the first sight"),
        pytest.param([("ADDED", 9), ("ADDED", 10)], [True, True], 10, id="versions compare as numbers"),
    ],
)
def test_a_history_of_events(history: list[tuple[str | None, int]], news: list[bool], version: int | None) -> None:
    seen = cache()

    told = [seen.observe(DEPLOYMENTS, kind, obj(at)) for kind, at in history]

    assert (told, known_version(seen)) == (news, version)


def test_our_own_writes_are_read_back_and_are_no_news() -> None:
    seen = cache()
    seen.observe(DEPLOYMENTS, "ADDED", obj(5))

    told = [seen.observe(DEPLOYMENTS, "MODIFIED", obj(6), own=True), seen.observe(DEPLOYMENTS, "MODIFIED", obj(6))]

    assert (told, known_version(seen)) == ([False, False], 6)


def test_a_foreign_change_that_our_write_overtook_is_news() -> None:
    seen = cache()
    seen.observe(DEPLOYMENTS, "ADDED", obj(5))
    seen.observe(DEPLOYMENTS, "MODIFIED", obj(8), own=True)
    seen.observe(DEPLOYMENTS, "MODIFIED", obj(9), own=True)

    told = {version: seen.observe(DEPLOYMENTS, "MODIFIED", obj(version)) for version in (6, 8, 9, 10)}

    assert told == {6: True, 8: False, 9: False, 10: True}
    assert known_version(seen) == 10


def test_a_list_that_shows_only_our_write_may_hide_a_foreign_change_before_it() -> None:
    seen = cache()
    seen.observe(DEPLOYMENTS, "ADDED", obj(5))
    seen.observe(DEPLOYMENTS, "MODIFIED", obj(8), own=True)

    first, second = (seen.replace(DEPLOYMENTS, [obj(8)], resource_version="9") for _ in range(2))

    assert (first, second) == ((Change("MODIFIED", obj(8)),), ())


def test_an_answer_to_our_write_does_not_bring_back_what_was_deleted() -> None:
    seen = cache()
    seen.observe(DEPLOYMENTS, "ADDED", obj(5))
    seen.observe(DEPLOYMENTS, "DELETED", obj(7))

    seen.observe(DEPLOYMENTS, "MODIFIED", obj(6), own=True)

    assert known_version(seen) is None


def test_a_list_prunes_what_it_lacks() -> None:
    seen = cache()
    gone = obj(3, "gone")
    seen.observe(DEPLOYMENTS, "ADDED", gone)
    seen.observe(DEPLOYMENTS, "ADDED", obj(4, "stays"))

    changes = seen.replace(DEPLOYMENTS, [obj(4, "stays"), obj(6, "new")], resource_version="9")

    assert changes == (Change("MODIFIED", obj(6, "new")), Change("DELETED", gone))
    assert known_version(seen, "gone") is None


def test_a_list_does_not_prune_what_is_newer_than_it() -> None:
    seen = cache()
    seen.observe(DEPLOYMENTS, "ADDED", obj(12, "newer"))

    changes = seen.replace(DEPLOYMENTS, [], resource_version="9")

    assert (changes, known_version(seen, "newer")) == ((), 12)


def test_a_list_does_not_bring_back_what_was_deleted_while_it_was_read() -> None:
    seen = cache()
    seen.observe(DEPLOYMENTS, "ADDED", obj(5))
    seen.observe(DEPLOYMENTS, "DELETED", obj(11))

    changes = seen.replace(DEPLOYMENTS, [obj(5)], resource_version="9")

    assert (changes, known_version(seen)) == ((), None)


def test_a_list_of_one_namespace_prunes_only_there() -> None:
    seen = cache()
    seen.observe(DEPLOYMENTS, "ADDED", obj(1, namespace="models"))
    seen.observe(DEPLOYMENTS, "ADDED", obj(2, namespace="other"))

    seen.replace(DEPLOYMENTS, [], resource_version="9", namespace="models")

    assert [found["metadata"]["namespace"] for found in seen.list(DEPLOYMENTS)] == ["other"]


def test_it_is_complete_once_every_resource_was_listed() -> None:
    seen = cache()
    seen.mark_listed(DEPLOYMENTS)
    half = seen.complete
    seen.mark_listed(PODS)

    assert (half, seen.complete) == (False, True)


def test_children_are_found_by_their_label_and_namespace() -> None:
    seen = cache()
    seen.observe(PODS, "ADDED", obj(1, "p1", fleet="llama"))
    seen.observe(PODS, "ADDED", obj(2, "p2", fleet="llama"))
    seen.observe(PODS, "ADDED", obj(3, "p3", fleet="qwen"))
    seen.observe(PODS, "ADDED", obj(4, "p4", fleet="llama", namespace="other"))

    found = {pod["metadata"]["name"] for pod in seen.labelled(PODS, "models", "llama")}

    assert found == {"p1", "p2"}


def test_a_child_moves_with_its_label_and_leaves_when_deleted() -> None:
    seen = cache()
    seen.observe(PODS, "ADDED", obj(1, "p1", fleet="llama"))
    seen.observe(PODS, "MODIFIED", obj(2, "p1", fleet="qwen"))
    moved = len(seen.labelled(PODS, "models", "llama")), len(seen.labelled(PODS, "models", "qwen"))
    seen.observe(PODS, "DELETED", obj(3, "p1", fleet="qwen"))

    assert (moved, seen.labelled(PODS, "models", "qwen")) == ((0, 1), [])


def test_a_resource_that_is_gone_takes_its_objects_with_it() -> None:
    seen = cache()
    seen.observe(PODS, "ADDED", obj(1, "p1", fleet="llama"))

    changes = seen.clear(PODS)

    assert [change.event_type for change in changes] == ["DELETED"]
    assert (seen.count(PODS), seen.labelled(PODS, "models", "llama")) == (0, [])


def test_remembered_deletions_are_bounded() -> None:
    seen = cache()
    for number in range(REMEMBERED_DELETIONS + 10):
        seen.observe(PODS, "DELETED", obj(number, f"p{number}"))

    assert len(seen._shelves[PODS].deletions) == REMEMBERED_DELETIONS


def test_only_what_is_worth_keeping_is_kept() -> None:
    seen = cache(slim={PODS: without_managed_fields})
    full = obj(1)
    full["metadata"]["managedFields"] = [{"manager": "kubelet"}]
    seen.observe(PODS, "ADDED", full)

    kept = seen.get(PODS, "models", "a")

    assert kept == obj(1)
    assert full["metadata"]["managedFields"], "the caller's object is left alone"


def test_of_managed_fields_only_the_owners_of_replicas_are_kept() -> None:
    entries = [
        {"manager": "modelfleet", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}},
        {
            "manager": "modelfleet-scale",
            "operation": "Apply",
            "subresource": "scale",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        },
        {"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": {"f:status": {}}},
    ]
    full = obj(1)
    full["metadata"]["managedFields"] = entries

    assert with_replicas_owners(full)["metadata"]["managedFields"] == [entries[1]]


def test_an_object_without_managed_fields_has_no_owners() -> None:
    assert with_replicas_owners(obj(1))["metadata"]["managedFields"] == []
