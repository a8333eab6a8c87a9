"""Nothing changed means no write: not when an operator starts, not when it looks at everything again."""

import pytest
from e2e.lab import audit
from e2e.lab.audit import Write
from tests.api.specs.manifests import bases
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.namespace import RESOURCES, SOURCE, Namespace, policy
from tests.apiserver.operator_process import Operator, Operators
from tests.apiserver.waiting import eventually

from modelfleet.api.kinds import KINDS
from modelfleet.controller.watched import WATCHES

OFTEN = """
from modelfleet.controller.settings import Settings
read = Settings.read
Settings.read = lambda *told: read(*told).model_copy(update={"resync_seconds": 3.0})
"""
"""An operator that looks at everything again sooner than its settings allow."""
TWICE_MOUNTED = {
    "volumes": [{"name": "data", "emptyDir": {}}],
    "volumeMounts": [
        {"name": "data", "mountPath": "/a", "subPath": "a"},
        {"name": "data", "mountPath": "/b", "subPath": "b"},
    ],
    "labels": {"team": "search"},
    "affinity": {"nodeAffinity": {}},
    "securityContext": {"supplementalGroups": [3]},
}


@pytest.fixture
def settled(namespace: Namespace, nobody: Operators) -> Namespace:
    """Return a namespace with fleets of many kinds and states, made by an operator that ended."""
    first = nobody.start()
    watched = {name: base for name, base in bases().items() if base["kind"] in RESOURCES}
    for base in watched.values():
        namespace.create(base)
    namespace.fleet("asleep", replicas=0)
    namespace.fleet(
        "mounts", pod=TWICE_MOUNTED, hardware={"accelerator": "nvidia-l4-24gb", "cpu": "0.5", "memory": "1.5Gi"}
    )
    namespace.fleet("refused", engine={"tensorParallelSize": 3})
    namespace.fleet("loser", model={"source": SOURCE, "servedNames": ["smallest"]})
    namespace.fleet("foreign")
    namespace.fleet("halted", suspend=True)
    namespace.create(policy("second", "everything"))
    fleets = ["asleep", "mounts", "foreign", *(name for name, base in watched.items() if base["kind"] == KINDS[0].name)]
    for name in fleets:
        namespace.await_deployment(name)
    namespace.kubectl("scale", "deployment/foreign", "--replicas=4")
    namespace.await_condition("AbleToScale", "False", name="foreign")
    namespace.kubectl("scale", "mdep/foreign", "--replicas=4")
    namespace.await_condition("AbleToScale", "True", name="foreign")
    await_rest(first)
    first.stop()
    return namespace


def test_operator_that_starts_and_looks_again_writes_nothing_but_the_lease(
    settled: Namespace, nobody: Operators, plane: ControlPlane
) -> None:
    mark = audit.position(plane.audit_log)
    operator = nobody.start(prelude=OFTEN)
    operator.await_leading()

    await_rest(operator)
    assert written(plane, mark) == []
    await_resync(operator)
    await_rest(operator)
    assert written(plane, mark) == []
    settled.edit("asleep", replicas=1)
    eventually(lambda: written(plane, mark), "a write that is asked for is counted")


def written(plane: ControlPlane, mark: int) -> list[Write]:
    """Return what operators wrote since *mark*, their Lease aside."""
    return [write for write in audit.writes(plane.audit_log, after=mark) if write.resource != "leases"]


def await_rest(operator: Operator) -> None:
    """Return once an operator that leads has looked at everything, and has nothing left to reconcile."""
    done, gauges = "modelfleet_reconcile_duration_seconds_count", ("modelfleet_queue_depth", "modelfleet_queue_busy")
    known = sum(operator.metric("modelfleet_cache_objects", resource=kind.plural) for kind in KINDS)
    eventually(lambda: operator.metric(done) >= known, f"a look at {known:g} objects")
    eventually(lambda: not any(map(operator.metric, gauges)), "nothing is left to reconcile")


def await_resync(operator: Operator) -> None:
    """Return once an operator has listed everything for the third time: at its start it does, and kopf does too."""
    lists = "modelfleet_watch_lists_total"
    kinds = sum(operator.metric(lists, resource=watch.resource.plural) > 0 for watch in WATCHES)
    before = operator.metric("modelfleet_reconcile_duration_seconds_count")
    known = sum(operator.metric("modelfleet_cache_objects", resource=kind.plural) for kind in KINDS)
    eventually(lambda: operator.metric(lists) >= 3 * kinds, "everything is listed again")
    eventually(lambda: operator.metric("modelfleet_reconcile_duration_seconds_count") >= before + known, "a look at it")
