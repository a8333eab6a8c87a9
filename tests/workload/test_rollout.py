"""How pods end and are replaced: the arithmetic of draining, and a strategy that can always move."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workload.fleets import child, fleet

from modelfleet.workload.rollout import (
    PROPAGATION_SECONDS,
    TEARDOWN_SECONDS,
    drain_seconds,
    grace_period_seconds,
    strategy,
)

ZERO = (0, "0%")
SIZES = st.none() | st.integers(0, 5) | st.sampled_from(["0%", "25%", "100%"])
OLD = {"image": "vllm/vllm-openai:v0.17.1"}
ONE_WRITER = {"cache": {"claim": {"size": "1Ti", "accessMode": "ReadWriteOnce"}}}
MANY_WRITERS = {"cache": {"claim": {"size": "1Ti"}}}


def replaced(**spec: Any) -> tuple[Any, Any]:
    """Return surge and unavailable."""
    parts = strategy(fleet(**spec))["rollingUpdate"]
    return parts["maxSurge"], parts["maxUnavailable"]


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        pytest.param({}, (1, 0), id="one replica, its successor first"),
        pytest.param({"replicas": 0}, (1, 0), id="none yet"),
        pytest.param({"replicas": 2}, (0, 1), id="two, one of them gives way"),
        pytest.param({"weights": MANY_WRITERS}, (1, 0), id="a claim that many may mount"),
        pytest.param({"weights": ONE_WRITER}, (0, 1), id="a claim that one may mount"),
        pytest.param({"weights": ONE_WRITER, "rollout": {"maxSurge": 0}}, (0, 1), id="the same, as asked"),
        pytest.param({"rollout": {"maxSurge": 2}}, (2, 0), id="a surge was asked for"),
        pytest.param({"rollout": {"maxSurge": "25%"}, "replicas": 8}, ("25%", 0), id="a share was asked for"),
        pytest.param({"rollout": {"maxSurge": "0%"}}, ("0%", 1), id="no surge was asked for"),
        pytest.param({"rollout": {"maxUnavailable": 2}}, (0, 2), id="pods may be missing"),
        pytest.param({"rollout": {"maxUnavailable": 0}, "replicas": 8}, (1, 0), id="no pod may be missing"),
        pytest.param({"rollout": {"maxUnavailable": "0%"}}, (1, "0%"), id="no share may be missing"),
        pytest.param({"rollout": {"maxSurge": 3, "maxUnavailable": 2}}, (3, 2), id="both were asked for"),
    ],
)
def test_what_moves_first(spec: dict[str, Any], parts: tuple[Any, Any]) -> None:
    assert replaced(**spec) == parts


@given(surge=SIZES, unavailable=SIZES, replicas=st.integers(0, 4))
def test_a_rollout_can_always_move(surge: Any, unavailable: Any, replicas: int) -> None:
    asked = {"maxSurge": surge, "maxUnavailable": unavailable}
    if surge in ZERO and unavailable in ZERO:
        return  # the schema refuses it

    first, second = replaced(rollout=asked, replicas=replicas)

    assert not (first in ZERO and second in ZERO)
    assert surge in (None, first)
    assert unavailable in (None, second)


@pytest.mark.parametrize(
    ("asked", "capacity", "seconds"),
    [
        pytest.param(600, "OnDemand", 600, id="as asked"),
        pytest.param(0, "OnDemand", 0, id="not at all"),
        pytest.param(600, "Spot", 100, id="what a spot notice leaves"),
        pytest.param(30, "Spot", 30, id="less than a spot notice leaves"),
    ],
)
def test_how_long_a_pod_drains(asked: int, capacity: str, seconds: int) -> None:
    assert drain_seconds(fleet(rollout={"drainSeconds": asked}, hardware={"capacityType": capacity})) == seconds


@given(st.integers(0, 86_400), st.sampled_from(["OnDemand", "Spot"]))
def test_the_grace_period_holds_every_step(asked: int, capacity: str) -> None:
    wanted = fleet(rollout={"drainSeconds": asked}, hardware={"capacityType": capacity})

    assert grace_period_seconds(wanted) == PROPAGATION_SECONDS + drain_seconds(wanted) + TEARDOWN_SECONDS
    assert capacity == "OnDemand" or grace_period_seconds(wanted) <= 120


@given(st.integers(0, 86_400))
def test_a_pod_has_the_time_that_the_engine_is_told(asked: int) -> None:
    wanted = fleet(rollout={"drainSeconds": asked})
    pod = child("Deployment", wanted)["spec"]["template"]["spec"]
    [engine] = pod["containers"]
    told = int(engine["args"][engine["args"].index("--shutdown-timeout") + 1])

    assert engine["lifecycle"]["preStop"]["exec"]["command"][-2:] == [str(PROPAGATION_SECONDS), "0"]
    assert pod["terminationGracePeriodSeconds"] == PROPAGATION_SECONDS + told + TEARDOWN_SECONDS


def test_an_older_engine_is_waited_for_before_it_is_told() -> None:
    pod = child("Deployment", fleet(engine=OLD, rollout={"drainSeconds": 90}))["spec"]["template"]["spec"]
    [engine] = pod["containers"]
    command = engine["lifecycle"]["preStop"]["exec"]["command"]

    assert "--shutdown-timeout" not in engine["args"]
    assert command[:2] == ["python3", "-c"]
    assert command[3:] == ["http://127.0.0.1:8000", "5", "90"]
    assert pod["terminationGracePeriodSeconds"] == 110


@given(st.integers(0, 86_400))
def test_a_rollout_is_stuck_only_after_an_old_pod_could_drain_and_a_new_one_start(asked: int) -> None:
    deployment = child("Deployment", fleet(rollout={"drainSeconds": asked}))
    pod = deployment["spec"]["template"]["spec"]
    probe = pod["containers"][0]["startupProbe"]
    start = probe["periodSeconds"] * probe["failureThreshold"]

    assert deployment["spec"]["progressDeadlineSeconds"] > pod["terminationGracePeriodSeconds"] + start
