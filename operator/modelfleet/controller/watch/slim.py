"""What to leave out of objects that are kept in memory."""

from typing import Any

from modelfleet.controller.cluster.resources import Json

REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}


def without_managed_fields(obj: Json) -> Json:
    """Return *obj* without `metadata.managedFields`, which is half of a small object."""
    meta = obj["metadata"]
    if "managedFields" not in meta:
        return obj
    return obj | {"metadata": {key: value for key, value in meta.items() if key != "managedFields"}}


def with_replicas_owners(obj: Json) -> Json:
    """Return *obj* with only those managed fields that say who owns `spec.replicas`, in the API's own form."""
    entries = obj["metadata"].get("managedFields") or ()
    owners = [_ownership(entry) for entry in entries if _owns_replicas(entry)]
    return obj | {"metadata": without_managed_fields(obj)["metadata"] | {"managedFields": owners}}


def _owns_replicas(entry: dict[str, Any]) -> bool:
    return "f:replicas" in (entry.get("fieldsV1") or {}).get("f:spec", {})


def _ownership(entry: dict[str, Any]) -> dict[str, Any]:
    kept = {key: entry[key] for key in ("manager", "operation", "subresource", "apiVersion", "time") if key in entry}
    return kept | {"fieldsV1": REPLICAS}
