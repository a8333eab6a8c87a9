"""The PersistentVolumeClaim for weights and compiled kernels."""

from collections.abc import Mapping
from typing import Any

from modelfleet.workload import quantities
from modelfleet.workload.labels import metadata
from modelfleet.workload.plan import Plan
from modelfleet.workload.volumes import claim_name


def claim(plan: Plan) -> dict[str, Any] | None:
    """
    Return the claim, or None when the fleet asks for none.

    A retained claim has no owner, so that deleting the fleet keeps what took long to download.
    """
    cache = plan.fleet.spec.weights.cache
    if cache is None or cache.claim is None:
        return None
    wanted = cache.claim
    spec: dict[str, Any] = {
        "accessModes": [wanted.access_mode],
        "resources": {"requests": {"storage": str(wanted.size)}},
    }
    if wanted.storage_class_name:
        spec["storageClassName"] = wanted.storage_class_name
    is_owned = wanted.deletion_policy == "Delete"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(plan.fleet, name=claim_name(plan.fleet), is_owned=is_owned),
        "spec": spec,
    }


def as_grown(wanted: dict[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the claim *wanted* with the size of *live* where that is larger.

    Somebody else may let claims grow as they fill up, and Kubernetes lets none of them shrink.
    """
    asked, found = _storage(wanted), _storage(live)
    try:
        is_larger = quantities.value(found) > quantities.value(asked)
    except ValueError:  # such as 1e12: the API server compares it
        return wanted
    if not is_larger:
        return wanted
    return wanted | {"spec": wanted["spec"] | {"resources": {"requests": {"storage": found}}}}


def _storage(claim: Mapping[str, Any]) -> str:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return str(requests.get("storage", ""))
