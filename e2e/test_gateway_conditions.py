"""What users read of a policy: what is wrong with it, in words that say what to do, and when it is in effect."""

import time

import pytest

from e2e.cluster import Json, eventually, small_fleet
from e2e.gateway import Burst, Gateway, condition_of, policy, rule, seconds_since
from e2e.lab import LabError

IN_EFFECT_SECONDS = 5.0
SESSION = "x-session-id"
OUTSIDE = {"external": {"url": "https://api.example.com/v1", "model": "large"}}


@pytest.fixture(scope="module")
def serving(gateway: Gateway) -> Gateway:
    """A fleet that serves, and the policies that have something wrong."""
    gateway.namespace.apply(gateway.keys(), small_fleet("served"))
    gateway.namespace.apply(policy("incumbent", rule("all", "served"), models=("contested",)))
    gateway.wait_programmed("incumbent")
    gateway.namespace.apply(
        policy("late", rule("all", "served"), models=("contested",)),
        policy("dangling", rule("all", "served", "missing", sticky={"header": SESSION})),
        policy("outward", rule("all", "served", fallback=(OUTSIDE,))),
    )
    gateway.namespace.wait_ready("served")
    return gateway


def test_the_older_of_two_policies_keeps_a_name(serving: Gateway) -> None:
    """The other is told who has it."""
    condition = wait_for(serving, "late", "Accepted", reason="Conflict")

    assert condition["status"] == "False"
    assert "contested" in condition["message"]
    assert "incumbent" in condition["message"]
    assert serving.ask("contested").json()["model"] == "served"


def test_a_fleet_that_is_not_there_is_named(serving: Gateway) -> None:
    """The rest of the rule serves meanwhile, and the condition goes once the fleet is there."""
    condition = wait_for(serving, "dangling", "ResolvedRefs", reason="RefNotFound")

    assert condition["status"] == "False"
    assert '"missing"' in condition["message"]
    assert who_answer(serving) == {"served"}

    serving.namespace.apply(small_fleet("missing"))
    wait_for(serving, "dangling", "ResolvedRefs", status="True")
    serving.namespace.wait_ready("missing")
    eventually(lambda: who_answer(serving) == {"served", "missing"}, seconds=30, what="answers of both fleets")


def test_a_host_that_the_platform_does_not_allow_is_not_asked(serving: Gateway) -> None:
    """The message names the value of the chart; the fleet before it serves."""
    condition = wait_for(serving, "outward", "ResolvedRefs", reason="HostNotAllowed")
    status = serving.namespace.get("routepolicies", "outward")["status"]

    assert status["rules"] == [{"name": "all", "backends": ["served"]}]
    assert condition["status"] == "False"
    assert "gateway.external.allowedHosts" in condition["message"]
    assert serving.ask("outward").json()["model"] == "served"


def test_what_must_stay_in_the_cluster_has_no_provider(serving: Gateway) -> None:
    """The API server refuses it, and says why."""
    with pytest.raises(LabError, match="must have no `external` while `keepInCluster` is true"):
        serving.namespace.apply(policy("leaking", rule("all", "served", fallback=(OUTSIDE,), keepInCluster=True)))


def test_a_policy_is_programmed_within_seconds(serving: Gateway) -> None:
    """On both gateways, as its condition says, which speaks of the latest generation."""
    serving.namespace.apply(policy("fresh", rule("all", "served")))
    began = time.monotonic()
    serving.wait_programmed("fresh")

    assert seconds_since(began) < IN_EFFECT_SECONDS
    assert [serving.ask("fresh").status_code for _ in range(8)] == [200] * 8
    assert "Every gateway" in condition_of(serving.namespace.get("routepolicies", "fresh"), "Programmed")["message"]


def test_the_table_of_kubectl_tells_the_same(serving: Gateway) -> None:
    """One line for each policy, with what matters."""
    lines = serving.namespace.kubectl("get", "rpol").splitlines()
    by_name = {line.split()[0]: line for line in lines}

    assert "contested" in by_name["incumbent"]
    assert "Conflict" in by_name["late"]


def who_answer(gateway: Gateway) -> set[str]:
    """Return who answers twenty sessions of the policy "dangling"; the error where nobody does."""
    with Burst(gateway, "dangling", [{SESSION: str(number)} for number in range(20)]) as burst:
        pass
    return {answer.fleet for answer in burst.answers}


def wait_for(gateway: Gateway, name: str, kind: str, **wanted: str) -> Json:
    """Return a policy's condition once it has all of *wanted*."""

    def look() -> Json | None:
        found.append(condition_of(gateway.namespace.get("routepolicies", name), kind))
        return found[-1] if wanted.items() <= found[-1].items() else None

    found: list[Json] = []
    try:
        return eventually(look, seconds=30, what=f"{kind} of {name} with {wanted}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it was {found[-1]}") from None
