"""The pool of a fleet has what the fleet and the policies about it say, and nothing that its size decides."""

import pytest
from tests.gateway.objects import caching, fleet, lowered, policy, rule, sleeper, to

from modelfleet.gateway import ir

OLDER, YOUNGER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def pool(*objects: object, **fields: object) -> ir.Pool:
    """Return the pool of the fleet "llama"."""
    return lowered(*objects, **fields).gateway.pools["models/llama"]


def test_gateways_share_what_a_pod_takes() -> None:
    assert pool(fleet()) == ir.Pool("models/llama", 34, 34, 34)
    assert pool(fleet(), replicas=3).connections_per_pod == 23


@pytest.mark.parametrize("replicas", [1, 5])
def test_size_of_the_fleet_changes_nothing(replicas: int) -> None:
    assert pool(fleet(replicas=replicas, status={"replicas": replicas})) == pool(fleet())


def shedding(percent: int, name: str) -> object:
    """Return a policy that sheds low priority from *percent* on."""
    return policy(name=name, models=[name], shedding={"lowPriority": {"atConcurrencyPercent": percent}})


def test_low_priority_gets_the_smallest_share_of_all_policies_that_name_the_fleet() -> None:
    elsewhere = policy(rule(to("other")), name="c", models=["c"], shedding={"lowPriority": {"atConcurrencyPercent": 1}})

    assert pool(fleet(), shedding(50, "a"), shedding(80, "b"), elsewhere).low_priority_connections_per_pod == 17


def test_low_priority_always_gets_one() -> None:
    assert pool(fleet(engine={"maxNumSeqs": 1}), shedding(1, "a")).low_priority_connections_per_pod == 1


def test_outlier_detection_and_connect_timeout_are_the_oldest_policys_that_sets_them() -> None:
    detection = {"consecutiveErrors": 2, "ejectionSeconds": 30, "maxEjectionPercent": 50}
    silent = policy(name="a", models=["a"], created="2025-01-01T00:00:00Z")
    older = policy(rule(outlierDetection=detection), name="b", models=["b"], created=OLDER)
    younger = policy(
        rule(
            outlierDetection={"consecutiveErrors": 9},
            timeouts={"connectMilliseconds": 77},
            retries={"budgetPercent": 5},
        ),
        name="c",
        models=["c"],
        created=YOUNGER,
    )

    found = pool(fleet(), younger, older, silent)

    assert found.outliers == ir.OutlierDetection(2, 30, 50)
    assert (found.connect_milliseconds, found.retry_budget_percent) == (77, 5)


def test_rules_about_other_fleets_say_nothing_about_this_one() -> None:
    other = rule(to("other"), name="other", outlierDetection={"consecutiveErrors": 9})

    assert pool(fleet(), policy(rule(), other)).outliers == ir.OutlierDetection()


def test_affinity_is_that_of_the_cache_policy_in_force() -> None:
    affinity = {"key": "Session", "sessionHeader": "x-chat", "loadBoundPercent": 125}
    older = caching("llama", affinity=affinity, created=OLDER)
    younger = caching("llama", name="a", affinity={"key": "User"}, created=YOUNGER)

    assert pool(fleet(), younger, older).affinity == ir.Affinity(ir.AffinityKey.SESSION, 512, "x-chat", 125)


def test_cache_policy_in_force_without_affinity_means_none() -> None:
    older = caching("llama", engine={"prefixCaching": True}, created=OLDER)
    younger = caching("llama", name="a", affinity={"key": "User"}, created=YOUNGER)

    assert pool(fleet(), younger, older).affinity is None
    assert pool(fleet(), caching("llama", namespace="x", affinity={"key": "User"})).affinity is None


def test_fleet_that_may_sleep_says_what_requests_meet() -> None:
    assert pool(fleet()).sleep is None
    assert pool(sleeper(hold=60)).sleep == ir.Sleep(60)
    assert pool(sleeper(hold=60, waking="Fallback")).sleep == ir.Sleep(60, falls_back=True)
