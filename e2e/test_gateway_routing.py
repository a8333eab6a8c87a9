"""Canaries and fallbacks, by `kubectl apply` and `kubectl scale`, under way."""

from collections import Counter
from collections.abc import Mapping

import pytest

from e2e.cluster import Json, eventually, small_fleet
from e2e.gateway import Burst, Gateway, policy, rule
from e2e.streams import Load

SESSION = "x-session-id"
SESSIONS = [f"session-{number}" for number in range(100)]
TOKENS = 100
"""Of each stream of the load: half a second."""
NOBODY = {"static": {"status": 503, "message": "Please come back later.", "retryAfterSeconds": 7}}


@pytest.fixture(scope="module")
def serving(gateway: Gateway) -> Gateway:
    """Three fleets, a canary of a tenth, and a policy with two fallbacks."""
    gateway.namespace.apply(
        gateway.keys(),
        *map(small_fleet, ("stable", "canary", "first", "second")),
        canary(90, 10),
        policy("resilient", rule("all", "first", fallback=({"modelDeployment": "second"}, NOBODY))),
    )
    for fleet in ("stable", "canary", "first", "second"):
        gateway.namespace.wait_ready(fleet)
    gateway.wait_programmed("assistant", "resilient")
    return gateway


def test_a_canary_grows_and_sessions_stay(serving: Gateway) -> None:
    """From 90:10 to 50:50: those of the canary stay there, and others come from the stable fleet only."""
    before = chosen(serving)
    serving.namespace.apply(canary(50, 50))
    serving.wait_programmed("assistant")
    after = chosen(serving)
    moved = {before[session]: after[session] for session in SESSIONS if before[session] != after[session]}

    assert 3 <= Counter(before.values())["canary"] <= 20
    assert 35 <= Counter(after.values())["canary"] <= 65
    assert moved == {"stable": "canary"}
    assert chosen(serving) == after


def test_testers_meet_the_canary_always(serving: Gateway) -> None:
    """By a header that an earlier rule matches."""
    assert {serving.ask("assistant", headers={"x-canary": "always"}).json()["model"] for _ in range(5)} == {"canary"}


def test_a_fleet_that_goes_down_and_comes_back_costs_no_stream(serving: Gateway) -> None:
    """The next in line answers meanwhile; nothing is broken, refused or late on the way there and back."""
    url = f"{serving.origin}/v1"
    with Load(serving.lab, url, "resilient", clients=4, tokens=TOKENS, key=serving.key) as load:
        eventually(lambda: len(load.outcomes) >= load.clients, seconds=30, what="streams that have ended")
        serving.namespace.kubectl("scale", "mdep", "first", "--replicas", "0")
        eventually(lambda: who_answers(serving) == "second", seconds=30, what="the second fleet's turn")
        serving.namespace.kubectl("scale", "mdep", "first", "--replicas", "1")
        eventually(lambda: who_answers(serving) == "first", seconds=60, what="the first fleet's return")

    assert load.broken == []


def test_when_all_are_down_the_policy_has_the_last_word(serving: Gateway) -> None:
    """In OpenAI's shape, with the policy's message and its Retry-After; and it ends when a fleet is back."""
    serving.namespace.kubectl("scale", "mdep", "first", "second", "--replicas", "0")
    eventually(lambda: who_answers(serving).startswith("503"), seconds=60, what="the static answer")
    answer = serving.ask("resilient")
    error = answer.json()["error"]

    assert error["message"] == "Please come back later."
    assert error["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["retry-after"] == "7"

    serving.namespace.kubectl("scale", "mdep", "second", "--replicas", "1")
    eventually(lambda: who_answers(serving) == "second", seconds=60, what="the second fleet's return")


def canary(stable: int, share: int) -> Json:
    """Return the policy whose canary has a *share*, and all requests of testers."""
    return policy(
        "assistant",
        rule("testers", "canary", match={"headers": [{"name": "x-canary", "exact": "always"}]}),
        rule("everybody", f"stable={stable}", f"canary={share}", sticky={"header": SESSION}),
    )


def chosen(gateway: Gateway) -> Mapping[str, str]:
    """Return the fleet that answers each session."""
    with Burst(gateway, "assistant", [{SESSION: session} for session in SESSIONS]) as burst:
        pass
    return dict(zip(SESSIONS, [answer.fleet for answer in burst.answers], strict=True))


def who_answers(gateway: Gateway) -> str:
    """Return the fleet that answers, or the status and the body where none does."""
    answer = gateway.ask("resilient")
    return str(answer.json()["model"]) if answer.is_success else f"{answer.status_code} {answer.text}"
