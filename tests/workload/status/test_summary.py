"""The status says what is, and is the same while nothing changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.workload.fleets import fleet, planned
from tests.workload.status.pods import pod

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.served_names import Verdict
from modelfleet.api.v1alpha1.model_deployment import ModelDeploymentStatus
from modelfleet.workload.plan import Plan
from modelfleet.workload.status.conditions import Judgement
from modelfleet.workload.status.observed import Observed
from modelfleet.workload.status.summary import status

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMES = Verdict(frozenset({"b", "a"}))
DEPLOYMENT = {
    "metadata": {"generation": 1},
    "spec": {"replicas": 2},
    "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2},
}


def judgement(*, accepted: bool = True) -> Judgement:
    finding = Finding(ConditionType.ACCEPTED, "True" if accepted else "False", Reason.ACCEPTED)
    scale = Finding(ConditionType.ABLE_TO_SCALE, "True", Reason.OWNED)
    return Judgement(accepted=finding, names=NAMES, fits=None, scale=scale, desired=2, suspended=False)


def written(plan: Plan | None, before: dict[str, Any] | None = None, *, now: datetime = NOW) -> dict[str, Any]:
    wanted = fleet()
    pods = [pod("llama-1", ready=True), pod("llama-2")]
    read = ModelDeploymentStatus.model_validate(before or {})
    observed = Observed(DEPLOYMENT, pods, {})
    return status(wanted.metadata, read, judgement(accepted=bool(plan)), observed, plan=plan, now=now)


def test_the_status_of_a_fleet() -> None:
    plan = planned(fleet(hardware={"accelerator": "nvidia-h100-80gb"}, engine={"tensorParallelSize": 2}))

    result = written(plan)

    assert {key: value for key, value in result.items() if key != "conditions"} == {
        "observedGeneration": 1,
        "replicas": 2,
        "readyReplicas": 1,
        "desiredReplicas": 2,
        "selector": "modelfleet.dev/fleet=llama",
        "servedNames": ["a", "b"],
        "endpoint": "http://llama.models.svc/v1",
        "fit": {
            "tensorParallelSize": 2,
            "weightsMiBPerGpu": plan.sized.row.weights_mib_per_gpu,
            "kvCacheTokens": plan.sized.row.kv_cache_tokens,
            "maxConcurrentRequests": plan.sized.row.max_concurrent_requests,
            "message": plan.sized.row.message,
        },
        "cost": {"hourlyCents": 2 * 2 * plan.accelerator.hourly_cents.on_demand},
    }


def test_a_spot_fleet_costs_the_price_of_spot() -> None:
    plan = planned(fleet(hardware={"capacityType": "Spot"}))

    assert written(plan)["cost"] == {"hourlyCents": 2 * plan.accelerator.hourly_cents.spot}


def test_a_pod_without_a_node_costs_nothing() -> None:
    plan = planned(fleet())
    waiting = pod("llama-3", conditions=[{"type": "PodScheduled", "status": "False", "message": "no node"}])
    observed = Observed(DEPLOYMENT, [pod("llama-1", ready=True), waiting], {})
    result = status(fleet().metadata, ModelDeploymentStatus(), judgement(), observed, plan=plan, now=NOW)

    assert result["replicas"] == 2
    assert result["cost"] == {"hourlyCents": plan.accelerator.hourly_cents.on_demand}


def test_nothing_changes_while_nothing_changes() -> None:
    plan = planned(fleet())
    first = written(plan)

    assert written(plan, first, now=NOW + timedelta(hours=1)) == first


def test_a_refused_fleet_keeps_what_is_known_of_it() -> None:
    before = written(planned(fleet()))

    after = written(None, before, now=NOW + timedelta(hours=1))
    turned = {c["type"]: c["lastTransitionTime"] for c in after["conditions"] if c["type"] in ("Ready", "Available")}

    assert (after["fit"], after["cost"]) == (before["fit"], before["cost"])
    assert turned == {"Ready": "2026-01-02T04:04:05Z", "Available": "2026-01-02T03:04:05Z"}


def test_a_fleet_that_was_never_accepted_has_no_fit() -> None:
    assert "fit" not in written(None)
