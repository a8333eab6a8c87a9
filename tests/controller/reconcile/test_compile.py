"""A snapshot becomes what shall be, or the reason why nothing changes."""

import pytest
from tests.controller.reconcile.objects import cached, claims, fleet, policy
from tests.controller.reconcile.snapshots import applied, desired, snapshot
from tests.workload.fleets import setting

from modelfleet.controller.cluster.resources import DEPLOYMENTS, PODMONITORS
from modelfleet.controller.reconcile.compile import RESOURCES, compile_fleet
from modelfleet.controller.reconcile.gather import gather
from modelfleet.controller.watched import Key, Subject

PINNED = {"source": "hf://meta-llama/Llama-3.1-8B-Instruct", "revision": "main"}
SIZE = "tensor-parallel-size"


def test_an_accepted_fleet_has_its_children_under_their_resources() -> None:
    result = desired(snapshot(fleet(model=PINNED)))

    assert result.plan is not None
    assert (result.accepted.status, result.accepted.reason) == ("True", "Accepted")
    assert [RESOURCES[child["kind"]] for _, child in result.children] == [resource for resource, _ in result.children]
    assert [resource for resource, _ in result.children][-2:] == [DEPLOYMENTS, PODMONITORS]


def test_an_unpinned_revision_is_accepted_with_a_warning() -> None:
    accepted = desired(snapshot()).accepted

    assert (accepted.status, accepted.reason) == ("True", "RevisionNotPinned")
    assert "`model.revision` is not set" in accepted.message


def test_a_spec_that_cannot_be_read_asks_for_nothing() -> None:
    result = desired(snapshot(fleet(replicas=-1)))

    assert (result.plan, result.children, result.fits) == (None, (), None)
    assert (result.accepted.status, result.accepted.reason) == ("False", "InvalidSpec")
    assert result.accepted.message == "`spec.replicas` must be at least 0, found -1"


def test_a_refused_spec_asks_for_nothing_and_keeps_the_verdict() -> None:
    result = desired(snapshot(fleet(engine={"tensorParallelSize": 3})))

    assert (result.plan, result.children) == (None, ())
    assert result.fits is not None
    assert result.accepted.reason == result.fits.reason == "DoesNotDivide"


def test_the_policy_in_force_reaches_the_arguments() -> None:
    raw = fleet()
    known = cached(raw, policy("p", "llama"))
    found = gather(known, claims(raw), Key(Subject.FLEET, "models", "llama"))

    assert found is not None
    result = compile_fleet(found, setting())

    assert result.plan is not None
    assert "--enable-prefix-caching" in result.plan.arguments


@pytest.mark.parametrize(
    ("size", "inputs", "chosen"),
    [
        pytest.param("2", None, 2, id="kept"),
        pytest.param("2", "older", 1, id="the inputs changed"),
        pytest.param("2", "", 1, id="no inputs"),
        pytest.param("", None, 1, id="no size"),
        pytest.param("0", None, 1, id="nothing"),
        pytest.param("-2", None, 1, id="less than nothing"),
        pytest.param("two", None, 1, id="a word"),
        pytest.param("²", None, 1, id="an odd digit"),
        pytest.param("3", None, 1, id="what cannot start"),
    ],
)
def test_the_size_in_use_is_read_from_the_deployment(size: str, inputs: str | None, chosen: int) -> None:
    changed = {SIZE: size} | ({} if inputs is None else {"tensor-parallel-inputs": inputs})

    result = desired(snapshot(live=applied(annotations=changed)))

    assert result.plan is not None
    assert result.plan.sized.tensor_parallel_size == chosen


def test_a_deployment_without_annotations_keeps_nothing() -> None:
    live = applied()
    del live["metadata"]["annotations"]

    assert desired(snapshot(live=live)).plan is not None
