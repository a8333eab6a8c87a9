"""What is written now: never because of a user's error, and an operator's change only in its turn."""

from typing import Any

import pytest
from tests.controller.reconcile.objects import fleet
from tests.controller.reconcile.snapshots import applied, desired, snapshot

from modelfleet.controller.cluster.resources import DEPLOYMENTS, Json
from modelfleet.controller.reconcile.decide import Decision, decide

MARK = "modelfleet.dev/operator-change"
OLD_TEMPLATE = {"template-hash": "older"}
MARKED = {"operator-change": "true"}


def decision(raw: Json | None = None, live: Json | None = None, *, others: Any = (), at_most: int = 1) -> Decision:
    found = snapshot(raw, live)
    return decide(found, desired(found), others, most_operator_changes=at_most)


def kinds(result: Decision) -> list[str]:
    return [child["kind"] for _, child in result.children]


def is_marked(result: Decision) -> bool:
    [deployment] = [child for resource, child in result.children if resource == DEPLOYMENTS]
    return MARK in deployment["metadata"]["annotations"]


def rolling() -> Json:
    """Return a Deployment whose pods are being replaced because of an operator's change."""
    live = applied(annotations=MARKED)
    live["status"]["updatedReplicas"] = 0
    return live


def test_a_new_fleet_gets_all_its_children_and_its_size() -> None:
    result = decision(fleet(replicas=3))

    assert kinds(result)[-2:] == ["Deployment", "PodMonitor"]
    assert (result.scaling.replicas, result.update_pending) == (3, None)
    assert not is_marked(result)


def test_a_fleet_that_is_as_it_should_be_is_applied_unmarked_and_not_scaled() -> None:
    result = decision(live=applied())

    assert (result.scaling.replicas, is_marked(result)) == (None, False)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(fleet(replicas="three"), id="a spec that cannot be read"),
        pytest.param(fleet(replicas=5, engine={"tensorParallelSize": 3}), id="a model that does not divide"),
        pytest.param(fleet(replicas=5, hardware={"accelerator": "abacus"}), id="an accelerator nobody has"),
    ],
)
def test_a_users_error_touches_nothing(raw: Json) -> None:
    result = decision(raw, applied())

    assert (result.children, result.scaling.replicas, result.update_pending) == ((), None, None)
    assert result.scaling.finding.message.startswith("The size stays as it is until the spec is accepted")


@pytest.mark.parametrize("engine", [{}, {"tensorParallelSize": 3}], ids=["accepted", "refused"])
def test_a_suspended_fleet_is_left_alone(engine: dict[str, Any]) -> None:
    result = decision(fleet(replicas=5, suspend=True, engine=engine), applied(annotations=OLD_TEMPLATE))

    assert (result.children, result.scaling.replicas) == ((), None)
    assert (result.scaling.finding.reason, result.scaling.desired) == ("Suspended", 5)


def test_an_operators_change_takes_a_free_turn_and_is_marked() -> None:
    result = decision(live=applied(annotations=OLD_TEMPLATE), others=[applied()])

    assert (is_marked(result), result.update_pending) == (True, None)


@pytest.mark.parametrize(
    ("at_most", "why"),
    [pytest.param(1, "it waits for its turn", id="taken"), pytest.param(0, "they are held", id="held")],
)
def test_an_operators_change_waits_and_everything_else_goes_on(at_most: int, why: str) -> None:
    result = decision(fleet(replicas=4), applied(annotations=OLD_TEMPLATE), others=[rolling()], at_most=at_most)

    assert "Deployment" not in kinds(result)
    assert "Service" in kinds(result)
    assert (result.scaling.replicas, why in (result.update_pending or "")) == (4, True)


def test_a_repair_is_not_held_up_by_the_change_it_repairs() -> None:
    broken = rolling()
    broken["metadata"]["annotations"]["modelfleet.dev/template-hash"] = "broken"

    repaired, held = (decision(live=broken, others=[broken], at_most=most) for most in (1, 0))

    assert (is_marked(repaired), repaired.update_pending) == (True, None)
    assert held.update_pending is not None


def test_a_turn_that_another_fleet_is_about_to_take_is_not_free() -> None:
    found = snapshot(live=applied(annotations=OLD_TEMPLATE))

    taken, free = (decide(found, desired(found), [], most_operator_changes=1, turns_taken=n) for n in (1, 0))

    assert (taken.update_pending is None, taken.takes_turn) == (False, False)
    assert (free.update_pending is None, free.takes_turn) == (True, True)


def test_a_users_change_takes_no_turn() -> None:
    raw = fleet(engine={"maxModelLen": 4096})

    result = decision(raw, applied(annotations=OLD_TEMPLATE), others=[rolling()], at_most=0)

    assert (is_marked(result), result.update_pending) == (False, None)


def test_the_mark_stays_until_the_last_pod_is_replaced() -> None:
    under_way, done = decision(live=rolling(), others=[rolling()]), decision(live=applied(annotations=MARKED))

    assert (is_marked(under_way), is_marked(done)) == (True, False)


def test_the_size_of_an_unreadable_spec_is_reported_where_it_can_be_read() -> None:
    assert decision(fleet(replicas=7, rollout="x"), applied()).scaling.desired == 7


@pytest.mark.parametrize("replicas", ["three", True, -1, None])
def test_a_size_that_cannot_be_read_is_the_one_in_use(replicas: Any) -> None:
    broken = fleet(rollout="x", replicas=replicas)

    assert (decision(broken, applied(replicas=4)).scaling.desired, decision(broken).scaling.desired) == (4, 1)


def test_a_foreign_scaler_is_reported_also_while_the_spec_is_refused() -> None:
    live = applied(replicas=9)
    live["metadata"]["managedFields"] = [{"manager": "hpa", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]
    raw = fleet(replicas=2, engine={"tensorParallelSize": 3}, status={"desiredReplicas": 2})

    scaling = decision(raw, live).scaling

    assert (scaling.replicas, scaling.finding.reason) == (None, "ForeignScaler")
