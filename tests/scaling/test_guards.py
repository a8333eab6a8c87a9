"""Queue depth and KV cache against their targets."""

import pytest
from tests.scaling.fleets import page, policy

from modelfleet.scaling.guards import Reading, lower, reading_of
from modelfleet.scaling.policy import Targets

POLICY = policy(targets=Targets(queue_depth_per_replica=4, kv_cache_percent=80), running_per_replica=256)


@pytest.mark.parametrize(
    ("waiting", "running", "size"),
    [
        pytest.param(0.0, 0.0, 0, id="nothing"),
        pytest.param(8.0, 0.0, 2, id="exactly the target of two"),
        pytest.param(9.0, 0.0, 3, id="one more"),
        pytest.param(4.0, 256.0, 2, id="a full batch and a full queue"),
    ],
)
def test_the_queue_is_divided_by_its_target(waiting: float, running: float, size: int) -> None:
    assert Reading(waiting=waiting, running=running).queue_size(POLICY) == size


@pytest.mark.parametrize(
    ("usage", "size"),
    [pytest.param(0.8, 1, id="at the target"), pytest.param(0.81, 2, id="above"), pytest.param(2.4, 3, id="of three")],
)
def test_kv_usage_is_divided_by_its_target(usage: float, size: int) -> None:
    assert Reading(kv_usage=usage).kv_size(POLICY) == size


def test_readings_are_sums_over_the_fleet() -> None:
    pages = [page(0.0, waiting=3.0, running=10.0, kv_usage=0.5), page(0.0, waiting=1.0, running=20.0, kv_usage=0.25)]

    assert reading_of(pages) == Reading(waiting=4.0, running=30.0, kv_usage=0.75)


def test_two_readings_agree_on_the_lower() -> None:
    one, other = Reading(waiting=9.0, running=1.0, kv_usage=0.2), Reading(waiting=0.0, running=5.0, kv_usage=0.9)

    assert lower(one, other) == Reading(waiting=0.0, running=1.0, kv_usage=0.2)
