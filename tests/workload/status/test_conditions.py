"""What is observed of a fleet becomes conditions that people, kubectl, Argo CD and Flux understand."""

from typing import Any

import pytest
from tests.workload.status.pods import Pod, crashed, engine, pod, unschedulable

from modelfleet.api.conditions import ConditionType, Finding, Reason, Status
from modelfleet.api.served_names import Verdict
from modelfleet.workload.status.conditions import Judgement, conditions
from modelfleet.workload.status.observed import Observed

ACCEPTED = Finding(ConditionType.ACCEPTED, "True", Reason.ACCEPTED, "The spec is valid.")
REFUSED = Finding(ConditionType.ACCEPTED, "False", Reason.TOO_LARGE, "Too large.")
OWNED = Finding(ConditionType.ABLE_TO_SCALE, "True", Reason.OWNED)
FOREIGN = Finding(ConditionType.ABLE_TO_SCALE, "False", Reason.FOREIGN_SCALER, "kubectl set it.")
STUCK = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
SERVING, LOADING = pod("llama-1", ready=True), engine("llama-2", state={"running": {}})
DRAINING = pod("llama-3", ready=True)
DRAINING["metadata"]["labels"]["modelfleet.dev/traffic"] = "draining"

SETTLED, WORKING, STALLED = ("False", "False"), ("True", "False"), ("False", "True")
"""Of `Reconciling` and `Stalled`."""

Told = dict[str, tuple[str, str]]


def deployment(replicas: int = 1, *conditions: Any, generation: int = 2, seen: int = 2, **status: int) -> Any:
    counts = {"observedGeneration": seen, "replicas": replicas, "updatedReplicas": replicas} | status
    meta = {"name": "llama", "generation": generation}
    return {"metadata": meta, "spec": {"replicas": replicas}, "status": counts | {"conditions": list(conditions)}}


def refused_pods(message: str) -> Any:
    return {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}


def findings(live: Any, pods: list[Pod], **judged: Any) -> dict[str, Finding]:
    fields: dict[str, Any] = {"accepted": ACCEPTED, "fits": None, "scale": OWNED, "desired": 1, "suspended": False}
    judgement = Judgement(**(fields | {"names": Verdict(frozenset({"llama"}))} | judged))
    return {finding.type.value: finding for finding in conditions(judgement, Observed(live, pods, {}))}


def told(live: Any, pods: list[Pod], **judged: Any) -> Told:
    return {kind: (found.status, found.reason.value) for kind, found in findings(live, pods, **judged).items()}


@pytest.mark.parametrize(
    ("live", "pods", "judged", "expected"),
    [
        pytest.param(deployment(), [SERVING], {}, ("True", "Serving"), id="serving"),
        pytest.param(deployment(2), [SERVING, LOADING], {"desired": 2}, ("True", "Serving"), id="growing"),
        pytest.param(None, [], {}, ("False", "Loading"), id="not created yet"),
        pytest.param(deployment(), [LOADING], {}, ("False", "Loading"), id="loading"),
        pytest.param(deployment(), [DRAINING], {}, ("False", "Loading"), id="ready, but out of traffic"),
        pytest.param(deployment(), [crashed()], {}, ("False", "CrashLoop"), id="crashing"),
        pytest.param(
            deployment(2), [SERVING, crashed("llama-2")], {"desired": 2}, ("True", "Serving"), id="half crashing"
        ),
        pytest.param(
            deployment(updatedReplicas=0), [SERVING], {}, ("False", "RollingOut"), id="serving the old template"
        ),
        pytest.param(deployment(generation=3), [SERVING], {}, ("False", "RollingOut"), id="a template nobody has seen"),
        pytest.param(
            deployment(2, updatedReplicas=1),
            [SERVING, crashed("llama-2")],
            {"desired": 2},
            ("False", "CrashLoop"),
            id="a new template that crashes",
        ),
        pytest.param(deployment(0), [], {"desired": 0}, ("True", "Asleep"), id="none wanted"),
        pytest.param(
            deployment(0), [], {"desired": 0, "scale": FOREIGN}, ("True", "Asleep"), id="none wanted, whoever did it"
        ),
        pytest.param(deployment(0), [], {}, ("False", "Loading"), id="none yet"),
        pytest.param(deployment(0), [], {"scale": FOREIGN}, ("False", "ForeignScaler"), id="somebody took them all"),
        pytest.param(None, [], {"suspended": True}, ("False", "Suspended"), id="suspended before it began"),
        pytest.param(deployment(), [SERVING], {"suspended": True}, ("True", "Serving"), id="suspended, serving on"),
        pytest.param(deployment(), [SERVING], {"accepted": REFUSED}, ("False", "TooLarge"), id="refused, serving on"),
        pytest.param(deployment(), [SERVING], {"update_pending": "later"}, ("True", "Serving"), id="an update waits"),
        pytest.param(
            deployment(),
            [SERVING],
            {"names": Verdict(frozenset(), {"llama": "a/b"})},
            ("True", "Serving"),
            id="no name",
        ),
        pytest.param(
            deployment(1, refused_pods("pods is forbidden: exceeded quota: gpus")),
            [],
            {},
            ("False", "QuotaExceeded"),
            id="quota",
        ),
        pytest.param(
            deployment(1, refused_pods("pods is forbidden: violates PodSecurity")),
            [],
            {},
            ("False", "ChildRefused"),
            id="admission",
        ),
    ],
)
def test_ready(live: Any, pods: list[Pod], judged: dict[str, Any], expected: tuple[Status, str]) -> None:
    assert told(live, pods, **judged)["Ready"] == expected


@pytest.mark.parametrize(
    ("live", "pods", "judged", "progressing", "kstatus"),
    [
        pytest.param(deployment(), [SERVING], {}, ("True", "Stable"), SETTLED, id="arrived"),
        pytest.param(deployment(0), [], {"desired": 0}, ("True", "Stable"), SETTLED, id="arrived at none"),
        pytest.param(deployment(), [LOADING], {}, ("True", "Loading"), WORKING, id="loading"),
        pytest.param(deployment(2), [SERVING, LOADING], {"desired": 2}, ("True", "Loading"), WORKING, id="growing"),
        pytest.param(deployment(updatedReplicas=0), [SERVING], {}, ("True", "RollingOut"), WORKING, id="rolling out"),
        pytest.param(deployment(), [crashed()], {}, ("True", "CrashLoop"), WORKING, id="crashing, may recover"),
        pytest.param(deployment(1, STUCK), [crashed()], {}, ("True", "CrashLoop"), STALLED, id="crashing for long"),
        pytest.param(
            deployment(1, STUCK), [unschedulable("no node")], {}, ("True", "Unschedulable"), STALLED, id="no node"
        ),
        pytest.param(deployment(1, STUCK), [SERVING], {}, ("True", "Stable"), SETTLED, id="recovered after all"),
        pytest.param(deployment(1, STUCK), [LOADING], {}, ("True", "Loading"), STALLED, id="loading for too long"),
        pytest.param(deployment(), [SERVING], {"suspended": True}, ("False", "Suspended"), SETTLED, id="suspended"),
        pytest.param(deployment(), [SERVING], {"accepted": REFUSED}, ("False", "TooLarge"), STALLED, id="refused"),
        pytest.param(
            deployment(),
            [SERVING],
            {"accepted": REFUSED, "suspended": True},
            ("False", "Suspended"),
            STALLED,
            id="refused and suspended",
        ),
        pytest.param(
            deployment(),
            [SERVING],
            {"update_pending": "later"},
            ("True", "OperatorUpdatePending"),
            SETTLED,
            id="an update waits",
        ),
        pytest.param(
            deployment(), [LOADING], {"update_pending": "later"}, ("True", "Loading"), WORKING, id="loading meanwhile"
        ),
        pytest.param(
            deployment(), [crashed()], {"update_pending": "later"}, ("True", "CrashLoop"), WORKING, id="and crashing"
        ),
        pytest.param(
            deployment(),
            [SERVING],
            {"scale": FOREIGN, "desired": 3},
            ("True", "Stable"),
            SETTLED,
            id="somebody else's size",
        ),
    ],
)
def test_progress(
    live: Any, pods: list[Pod], judged: dict[str, Any], progressing: tuple[str, str], kstatus: tuple[str, str]
) -> None:
    result = told(live, pods, **judged)

    assert result["Progressing"] == progressing
    assert (result["Reconciling"][0], result["Stalled"][0]) == kstatus


@pytest.mark.parametrize(
    ("live", "pods", "judged", "expected"),
    [
        pytest.param(deployment(2), [SERVING, crashed("llama-2")], {}, ("True", "Serving"), id="one serves"),
        pytest.param(deployment(), [LOADING], {}, ("False", "Loading"), id="none serves yet"),
        pytest.param(deployment(), [crashed()], {}, ("False", "CrashLoop"), id="none can serve"),
        pytest.param(deployment(0), [], {"desired": 0}, ("False", "NoReplicas"), id="none wanted"),
        pytest.param(deployment(0), [], {}, ("False", "Loading"), id="just asked for"),
        pytest.param(None, [], {"accepted": REFUSED}, ("False", "NoReplicas"), id="none made"),
    ],
)
def test_available(live: Any, pods: list[Pod], judged: dict[str, Any], expected: tuple[str, str]) -> None:
    assert told(live, pods, **judged)["Available"] == expected


def test_the_summary_comes_first_and_every_type_once() -> None:
    fits = Finding(ConditionType.FITS, "Unknown", Reason.TIGHT_FIT, "Close.")

    kinds = list(findings(deployment(), [SERVING], fits=fits))

    assert kinds == [
        *("Ready", "Accepted", "NamesAccepted", "Fits", "Available", "Progressing", "AbleToScale"),
        *("Reconciling", "Stalled"),
    ]


def test_what_has_to_be_done_is_said_in_the_summary() -> None:
    result = findings(deployment(), [unschedulable("0/4 nodes are available")])

    assert result["Ready"].message == "Pod llama-1 cannot be scheduled: 0/4 nodes are available"
    assert {result[kind].message for kind in ("Available", "Progressing", "Reconciling")} == {result["Ready"].message}
    assert result["Stalled"].message == ""


@pytest.mark.parametrize(
    ("unavailable", "updated", "serving", "is_told"),
    [
        pytest.param(0, 0, SERVING, True, id="the old pod has the accelerator"),
        pytest.param("0%", 0, SERVING, True, id="as a share"),
        pytest.param(1, 0, SERVING, False, id="the old pod gives way"),
        pytest.param(0, 2, SERVING, False, id="no rollout"),
        pytest.param(0, 0, LOADING, False, id="the old pod does not serve either"),
    ],
)
def test_a_rollout_without_a_spare_accelerator_says_what_to_do(
    unavailable: int | str, updated: int, serving: Pod, *, is_told: bool
) -> None:
    live = deployment(2, updatedReplicas=updated)
    live["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": unavailable}}

    message = findings(live, [serving, unschedulable("Insufficient nvidia.com/gpu.", "llama-9")])["Progressing"].message

    assert ("set `rollout.maxUnavailable` to 1" in message) is is_told


def test_pods_that_do_not_count_are_not_looked_at() -> None:
    evicted = crashed("llama-0")
    evicted["status"]["phase"] = "Failed"
    going = crashed("llama-9")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    observed = Observed(deployment(), [evicted, SERVING, going], {})

    assert (len(observed.live), observed.ready, observed.failure) == (1, 1, None)


def test_a_deployment_without_a_status_is_not_current() -> None:
    bare = {"metadata": {"generation": 1}, "spec": {"replicas": 1}}

    assert not Observed(bare, [], {}).is_current
    assert Observed(bare, [], {}).deployment_condition("Progressing") is None


@pytest.mark.parametrize("pods", [[SERVING], [LOADING], [crashed()]], ids=["serving", "loading", "crashing"])
def test_an_update_that_waits_is_always_told(pods: list[Pod]) -> None:
    progressing = findings(deployment(), pods, update_pending="A new operator waits.")["Progressing"]

    assert progressing.message.endswith("A new operator waits.")
