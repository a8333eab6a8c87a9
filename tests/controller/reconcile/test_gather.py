"""A snapshot holds all that bears on one fleet, and nothing of others."""

from tests.controller.reconcile.objects import cache, cached, child, claims, fleet, policy

from modelfleet.controller.cluster.resources import DEPLOYMENTS, PERSISTENTVOLUMECLAIMS, PODS, SERVICES
from modelfleet.controller.reconcile.gather import gather, policies
from modelfleet.controller.watched import FLEETS, Key, Subject

KEY = Key(Subject.FLEET, "models", "llama")


def test_a_fleet_that_is_gone_has_no_snapshot() -> None:
    assert gather(cached(fleet("qwen")), claims(), KEY) is None


def test_a_fleet_with_its_children_and_pods() -> None:
    known = cache(
        (FLEETS, fleet()),
        (DEPLOYMENTS, child(spec={"replicas": 1})),
        (DEPLOYMENTS, child("qwen", fleet="qwen")),
        (SERVICES, child()),
        (PERSISTENTVOLUMECLAIMS, child("llama-cache")),
        (PODS, child("llama-1")),
        (PODS, child("qwen-1", fleet="qwen")),
    )

    found = gather(known, claims(fleet()), KEY)

    assert found is not None
    assert set(found.children) == {
        (DEPLOYMENTS, "llama"),
        (SERVICES, "llama"),
        (PERSISTENTVOLUMECLAIMS, "llama-cache"),
    }
    assert found.deployment is not None
    assert [pod["metadata"]["name"] for pod in found.pods] == ["llama-1"]
    assert (found.invalid, found.policy) == ("", None)


def test_the_policy_in_force_is_the_oldest_of_the_namespace() -> None:
    known = cached(
        fleet(),
        policy("newer", "llama", created="2026-02-01T00:00:00Z"),
        policy("older", "llama", created="2026-01-01T00:00:00Z"),
        policy("oldest", "llama", namespace="other", created="2025-01-01T00:00:00Z"),
    )

    found = gather(known, claims(fleet()), KEY)

    assert found is not None
    assert found.policy is not None
    assert found.policy.metadata.name == "older"


def test_a_policy_that_cannot_be_read_is_left_out() -> None:
    broken = policy("broken", "llama")
    broken["spec"]["targetRefs"] = []

    assert [found.metadata.name for found in policies(cached(broken, policy("good", "llama")), "models")] == ["good"]


def test_a_spec_that_cannot_be_read_says_why() -> None:
    broken = fleet(replicas="three")

    found = gather(cached(broken), claims(broken), KEY)

    assert found is not None
    assert (found.fleet, found.claims) == (None, ())
    assert found.invalid == '`spec.replicas` must be an integer, found "three"'


def test_the_claims_are_the_fleets_own_and_its_rivals() -> None:
    chat = {"source": "hf://a/b", "servedNames": ["chat"]}
    ours, rival, stranger = fleet(model=chat), fleet("rival", model=chat, namespace="other"), fleet("stranger")

    found = gather(cached(ours, rival, stranger), claims(ours, rival, stranger), KEY)

    assert found is not None
    assert {claim.fleet for claim in found.claims} == {"models/llama", "other/rival"}


def test_a_rival_that_is_gone_or_cannot_be_read_claims_nothing() -> None:
    chat = {"source": "hf://a/b", "servedNames": ["chat"]}
    ours, gone, broken = fleet(model=chat), fleet("gone", model=chat), fleet("broken", model=chat, replicas="x")

    found = gather(cached(ours, broken), claims(ours, gone, broken), KEY)

    assert found is not None
    assert [claim.fleet for claim in found.claims] == ["models/llama"]
