"""A CachePolicy is told what came of it, also when it cannot be read."""

import datetime as dt
from typing import Any

import pytest
from tests.controller.reconcile.objects import cached, fleet, policy

from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.reconcile.policies import PolicyReconciler
from modelfleet.controller.reconcile.report import Reporter
from modelfleet.controller.watched import Key, Subject

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Told(Reporter):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.statuses: list[Json] = []

    async def report(self, resource: Resource, raw: Json, status: Json) -> bool:
        """Keep *status*."""
        self.statuses.append(status)
        return True


async def conditions(*objects: Json, name: str = "caching") -> dict[str, tuple[str, str]]:
    told = Told()
    await PolicyReconciler(cached(*objects), told, clock=lambda: NOW).reconcile(Key(Subject.POLICY, "models", name))
    return {
        condition["type"]: (condition["status"], condition["reason"])
        for status in told.statuses
        for condition in status["conditions"]
    }


def broken() -> Any:
    raw = policy("caching", "llama")
    return raw | {"spec": raw["spec"] | {"engine": {"prefixCaching": "yes"}}}


@pytest.mark.parametrize(
    ("objects", "ready", "stalled"),
    [
        pytest.param([policy("caching", "llama"), fleet()], ("True", "Accepted"), "False", id="in force"),
        pytest.param([policy("caching", "llama")], ("False", "TargetNotFound"), "True", id="without its target"),
        pytest.param([broken(), fleet()], ("False", "InvalidSpec"), "True", id="unreadable"),
    ],
)
async def test_a_policy_is_ready_or_stalled(objects: list[Json], ready: tuple[str, str], stalled: str) -> None:
    found = await conditions(*objects)

    assert found["Ready"] == ready
    assert (found["Reconciling"][0], found["Stalled"][0]) == ("False", stalled)


async def test_a_policy_that_is_gone_or_going_is_left_alone() -> None:
    going = policy("caching", "llama")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    assert await conditions() == {}
    assert await conditions(going) == {}
