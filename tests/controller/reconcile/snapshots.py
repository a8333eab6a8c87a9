"""Snapshots, and the Deployment that a plan would have left behind."""

from collections.abc import Mapping
from typing import Any

from tests.controller.reconcile.objects import cache, child, claims, fleet
from tests.workload.fleets import setting

from modelfleet.controller.cluster.resources import DEPLOYMENTS, Json
from modelfleet.controller.reconcile.compile import Desired, compile_fleet
from modelfleet.controller.reconcile.gather import Snapshot, gather
from modelfleet.controller.watched import FLEETS, Key, Subject

SCALE_OWNER = [{"manager": "modelfleet-scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]


def snapshot(raw: Json | None = None, live: Json | None = None) -> Snapshot:
    """Return what is known of a fleet with a Deployment, or without one."""
    obj = raw or fleet()
    known = cache((FLEETS, obj), *([(DEPLOYMENTS, live)] if live else []))
    found = gather(known, claims(obj), Key(Subject.FLEET, "models", obj["metadata"]["name"]))

    assert found is not None

    return found


def desired(of: Snapshot, **platform: Any) -> Desired:
    """Return what a fleet asks for."""
    return compile_fleet(of, setting(**platform))


def applied(raw: Json | None = None, annotations: Mapping[str, str] | None = None, *, replicas: int = 1) -> Json:
    """Return the Deployment as it is after a fleet was applied, with other *annotations* where given."""
    [wanted] = [obj for resource, obj in desired(snapshot(raw)).children if resource == DEPLOYMENTS]
    counts = {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas}
    live = child(spec=wanted["spec"] | {"replicas": replicas}, status=counts)
    kept = wanted["metadata"]["annotations"] | {
        f"modelfleet.dev/{key}": value for key, value in (annotations or {}).items()
    }
    live["metadata"] |= {"annotations": kept, "managedFields": SCALE_OWNER, "generation": 1}
    return live
