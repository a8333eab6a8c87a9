"""The operator survives the loss of its leader and of the API server, and fleets serve on meanwhile."""

from collections import Counter

import pytest

from e2e.cluster import Namespace, eventually, restarts, small_fleet
from e2e.lab import Lab
from e2e.operators import LEASE_SECONDS, Operators
from e2e.streams import Load

OUTAGE_SECONDS = 60
TOKENS_PER_SECOND = 154
"""Of the stand-in with an 8B model on an H100."""
MARGIN_SECONDS = 10


@pytest.fixture(scope="module")
def serving(shared_namespace: Namespace) -> Namespace:
    """A fleet that serves."""
    shared_namespace.apply(small_fleet("steady"))
    shared_namespace.wait_ready("steady")
    return shared_namespace


@pytest.fixture
def operators(serving: Namespace) -> Operators:
    """Two replicas of the operator, one of which leads."""
    operators = Operators(serving.lab)
    eventually(lambda: operators.are_ready() and operators.leader(), seconds=60, what="two operators, one leading")
    return operators


def test_another_replica_writes_when_the_leader_is_killed(serving: Namespace, operators: Operators) -> None:
    """A change made after the leader's SIGKILL is applied within the Lease's time, and nothing is written twice."""
    leader, mark = operators.leader(), serving.lab.writes_position()
    operators.kill(leader)
    serving.patch("steady", {"engine": {"maxNumSeqs": 64}})

    eventually(lambda: _has_argument(serving, "64"), seconds=LEASE_SECONDS + MARGIN_SECONDS, what="the change")
    assert operators.leader() not in ("", leader)
    serving.wait_ready("steady", replicas=1)
    children = [w for w in operators.writes(after=mark) if w.namespace == serving.name and "status" not in w.resource]
    assert _repeated([f"{w.verb} {w.resource} {w.name}" for w in children if w.resource != "events"]) == []


def test_an_api_server_that_is_away_for_a_minute_is_waited_for(serving: Namespace, operators: Operators) -> None:
    """Streams go on, the operator is not restarted, and a change made afterwards is applied."""
    lab, before = serving.lab, _restarts(operators)
    eventually(lambda: _is_settled(serving), seconds=60, what="a fleet at rest")
    load = Load(lab, serving.url("steady"), "steady", clients=2, tokens=OUTAGE_SECONDS * TOKENS_PER_SECOND)
    with load:
        eventually(lambda: load.opened == load.clients, seconds=20, what="open streams")
        load.finish()
        lab.stop("kube-apiserver", seconds=0)
    lab.start("kube-apiserver")
    lab.wait_until_ready()
    _end_backoffs(lab)
    serving.patch("steady", {"engine": {"maxNumSeqs": 32}})

    eventually(lambda: _has_argument(serving, "32"), seconds=60, what="the change")
    serving.wait_ready("steady", replicas=1)
    assert load.broken == []
    assert _restarts(operators) == before
    assert operators.defects() == []


def _end_backoffs(lab: Lab) -> None:
    """Restart what is Kubernetes' own: it would wait up to a minute before it looks for the API server again."""
    for component in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"):
        lab.stop(component)
        lab.start(component)


def _has_argument(namespace: Namespace, value: str) -> bool:
    deployment = namespace.get("deployments", "steady")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    return value in arguments


def _is_settled(namespace: Namespace) -> bool:
    return len(namespace.pods("steady")) == len(namespace.ready_pods("steady")) == 1


def _restarts(operators: Operators) -> dict[str, int]:
    return {pod["metadata"]["name"]: restarts(pod) for pod in operators.pods()}


def _repeated(things: list[str]) -> list[str]:
    return [thing for thing, count in Counter(things).items() if count > 1]
