"""A change asks for exactly the objects whose outcome it may change."""

from typing import Any

import pytest
from tests.controller.reconcile.objects import cached, child, claims, fleet, policy
from tests.workload.fleets import engine_cache, planned
from tests.workload.fleets import fleet as declared

from modelfleet.controller.cluster.resources import (
    DEPLOYMENTS,
    PERSISTENTVOLUMECLAIMS,
    PODMONITORS,
    PODS,
    Json,
    Resource,
)
from modelfleet.controller.watch.cache import DELETED, MODIFIED, Cache
from modelfleet.controller.watched import (
    CHILDREN,
    FLEETS,
    GATEWAY_WATCHES,
    POLICIES,
    ROUTE_POLICIES,
    SLIM,
    WATCHES,
    Key,
    Router,
    Subject,
    slim_pod,
)
from modelfleet.workload.children.compile import children


def asked(router: Router, resource: Resource, obj: Json, event_type: str = MODIFIED) -> set[str]:
    """Return the keys as texts, such as `fleet llama`."""
    return {f"{key.subject} {key.name}" for key in router.keys(resource, event_type, obj)}


def router(*objects: Json) -> Router:
    """Return a router that has heard of *objects*."""
    known = Router(cached(*objects), claims())
    for obj in objects:
        list(known.keys(FLEETS if obj["kind"] == "ModelDeployment" else POLICIES, MODIFIED, obj))
    return known


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        pytest.param(child(), {"fleet llama"}, id="labelled"),
        pytest.param(child("llama-cache"), {"fleet llama"}, id="of another name"),
        pytest.param(child(fleet=None, owner="llama"), {"fleet llama"}, id="somebody took its label away"),
        pytest.param(
            child(fleet="qwen", owner="llama"), {"fleet llama", "fleet qwen"}, id="somebody changed its label"
        ),
        pytest.param(child(fleet=None), set(), id="nobody's"),
        pytest.param({"metadata": {"name": "x", "namespace": "models", "labels": None}}, set(), id="without labels"),
    ],
)
@pytest.mark.parametrize("event_type", [MODIFIED, DELETED])
def test_a_child_asks_for_its_fleet(obj: Json, expected: set[str], event_type: str) -> None:
    assert asked(router(), DEPLOYMENTS, obj, event_type) == expected


def test_a_fleet_asks_for_itself_and_its_rivals() -> None:
    chat = {"source": "hf://a/b", "servedNames": ["chat"]}
    known = router(fleet("a", model=chat), fleet("b", model=chat), fleet("c"))

    assert asked(known, FLEETS, fleet("a", model=chat)) == {"fleet a"}
    assert asked(known, FLEETS, fleet("a", model=chat | {"servedNames": ["other"]})) == {"fleet a", "fleet b"}
    assert asked(known, FLEETS, fleet("c", model=chat)) == {"fleet c", "fleet b"}
    assert asked(known, FLEETS, fleet("b", model=chat), DELETED) == {"fleet b", "fleet c"}


def test_a_fleet_that_comes_or_goes_asks_for_the_policies_that_name_it() -> None:
    known = router(policy("p", "llama"), policy("q", "qwen"), policy("r", "qwen", "llama"))

    assert asked(known, FLEETS, fleet()) == {"fleet llama", "policy p", "policy r"}
    assert asked(known, FLEETS, fleet()) == {"fleet llama"}
    assert asked(known, FLEETS, fleet(), DELETED) == {"fleet llama", "policy p", "policy r"}
    assert asked(known, FLEETS, fleet()) == {"fleet llama", "policy p", "policy r"}


def test_a_policy_asks_for_its_targets_and_the_other_policies_of_those() -> None:
    known = router(policy("p", "llama"), policy("q", "llama", "qwen"), policy("r", "phi"))

    assert asked(known, POLICIES, policy("p", "llama")) == {"policy p", "policy q", "fleet llama"}


def test_a_policy_asks_for_the_targets_it_gives_up() -> None:
    known = router(policy("p", "llama"), policy("q", "llama"))

    assert asked(known, POLICIES, policy("p", "qwen")) == {"policy p", "policy q", "fleet llama", "fleet qwen"}
    assert asked(known, POLICIES, policy("p", "qwen"), DELETED) == {"policy p", "fleet qwen"}
    assert asked(known, POLICIES, policy("p", "qwen"), DELETED) == {"policy p"}


def test_other_namespaces_are_left_alone() -> None:
    known = router(policy("p", "llama", namespace="other"), fleet("llama", namespace="other"))

    keys = set(known.keys(POLICIES, MODIFIED, policy("q", "llama")))

    assert keys == {Key(Subject.POLICY, "models", "q"), Key(Subject.FLEET, "models", "llama")}


def test_every_kind_of_child_is_watched_by_our_label_and_only_pod_monitors_may_be_missing() -> None:
    by_resource = {watch.resource: watch for watch in WATCHES}

    assert all(
        by_resource[resource].label_selector == "app.kubernetes.io/managed-by=modelfleet"
        for resource in (*CHILDREN, PODS)
    )
    assert [watch.resource for watch in WATCHES if watch.optional] == [PODMONITORS]
    assert set(by_resource) == {FLEETS, POLICIES, ROUTE_POLICIES, PODS, *CHILDREN}
    assert set(SLIM) == set(by_resource) | {watch.resource for watch in GATEWAY_WATCHES}


def test_every_child_of_a_plan_has_a_resource_that_is_watched() -> None:
    claim = {"cache": {"claim": {"size": "1Ti"}}}
    made = children(planned(declared(weights=claim), engine_cache(prefixCaching=True)))

    assert {(child["apiVersion"], child["kind"]) for child in made} == {(r.api_version, r.kind) for r in CHILDREN}
    assert PERSISTENTVOLUMECLAIMS in CHILDREN


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        pytest.param(
            {"status": {"phase": "Running", "hostIP": "10.0.0.1"}}, {"phase": "Running"}, id="some of its status"
        ),
        pytest.param({"status": None}, {}, id="no status yet"),
        pytest.param({"spec": {"containers": []}}, {}, id="nothing of its spec"),
    ],
)
def test_of_a_pod_only_what_decisions_look_at_is_kept(part: dict[str, Any], kept: dict[str, Any]) -> None:
    pod: Json = child("llama-1", owner="llama-7f") | part
    pod["metadata"]["annotations"] = {"a": "b"}

    slim = slim_pod(pod)

    assert slim["status"] == kept
    assert set(slim) == {"apiVersion", "kind", "metadata", "status"}
    assert set(slim["metadata"]) == {"name", "namespace", "labels", "resourceVersion"}


def test_a_slim_pod_is_found_by_its_fleet() -> None:
    known: Cache = cached()
    known.observe(PODS, None, child("llama-1"))

    assert [pod["metadata"]["name"] for pod in known.labelled(PODS, "models", "llama")] == ["llama-1"]
