"""One policy per fleet: the oldest is in force, and the others are told."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workload.fleets import policy

from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.workload.cache_policies import findings, in_force

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def found(
    of: CachePolicy, others: list[CachePolicy], fleets: tuple[str, ...] = ("llama",)
) -> dict[str, tuple[str, str]]:
    return {finding.type.value: (finding.status, finding.reason.value) for finding in findings(of, others, fleets)}


@pytest.mark.parametrize(
    ("policies", "winner"),
    [
        pytest.param([], None, id="no policy"),
        pytest.param([policy("a", targets=("qwen",))], None, id="a policy for another fleet"),
        pytest.param([policy("a", created=OLD)], "a", id="one policy"),
        pytest.param([policy("a", created=NEW), policy("z", created=OLD)], "z", id="the older"),
        pytest.param([policy("a", created=OLD), policy("b", created=OLD)], "a", id="of the same age, by name"),
        pytest.param([policy("a", targets=("qwen", "llama"), created=OLD)], "a", id="one policy for several fleets"),
    ],
)
def test_which_policy_is_in_force(policies: list[CachePolicy], winner: str | None) -> None:
    names = {result.metadata.name if (result := in_force(order, "llama")) else None for order in permutations(policies)}

    assert names == {winner}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([OLD, NEW])), unique_by=lambda item: item[0]))
def test_every_policy_but_the_one_in_force_is_told_so(made: list[tuple[str, str]]) -> None:
    policies = [policy(name, created=created) for name, created in made]
    winner = in_force(policies, "llama")

    accepted = {one.metadata.name: found(one, [p for p in policies if p is not one])["Accepted"] for one in policies}

    assert [name for name, (status, _) in accepted.items() if status == "True"] == (
        [winner.metadata.name] if winner else []
    )


def test_a_policy_in_force_is_ready_and_settled() -> None:
    assert found(policy(), []) == {
        "Ready": ("True", "Accepted"),
        "Accepted": ("True", "Accepted"),
        "ResolvedRefs": ("True", "Accepted"),
        "Reconciling": ("False", "Stable"),
        "Stalled": ("False", "Accepted"),
    }


def test_a_policy_that_lost_says_to_whom() -> None:
    newer = policy("newer", targets=("qwen", "llama"), created=NEW)
    older = policy("older", created=OLD)

    told = found(newer, [older], ("llama", "qwen"))
    ready = findings(newer, [older], ("llama", "qwen"))[0]

    assert (told["Ready"], told["Accepted"], told["Stalled"]) == (("False", "Conflict"),) * 2 + (("True", "Conflict"),)
    assert ready.message == (
        '`targetRefs` must not name a fleet that has a policy: "llama" has the older policy "older". '
        "Remove it from one of them."
    )


def test_a_target_that_does_not_exist_is_named() -> None:
    told = found(policy(targets=("llama", "qwen", "phi")), [])
    ready = findings(policy(targets=("llama", "qwen", "phi")), [], ("llama",))[0]

    assert (told["Ready"], told["Accepted"], told["ResolvedRefs"]) == (
        ("False", "TargetNotFound"),
        ("True", "Accepted"),
        ("False", "TargetNotFound"),
    )
    assert 'none called "qwen", "phi"' in ready.message


def test_a_conflict_comes_before_a_missing_target() -> None:
    newer = policy("newer", targets=("llama", "nobody"), created=NEW)

    assert found(newer, [policy("older", created=OLD)])["Ready"] == ("False", "Conflict")
