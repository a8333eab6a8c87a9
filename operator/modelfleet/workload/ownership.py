"""Which objects belong to a fleet; every other object of the same name is foreign and is never touched."""

from collections.abc import Mapping
from typing import Any

from modelfleet.api.names import FLEET_LABEL, MANAGED_BY, MANAGED_BY_LABEL

RETAINED_KIND = "PersistentVolumeClaim"


def is_owned(child: Mapping[str, Any], fleet_uid: str) -> bool:
    """Return whether the fleet is the controller of *child*, so that it is deleted with it."""
    references = child["metadata"].get("ownerReferences") or ()
    return any(reference.get("controller") and reference["uid"] == fleet_uid for reference in references)


def belongs_to(child: Mapping[str, Any], fleet: Mapping[str, Any]) -> bool:
    """
    Return whether *child* may be written for *fleet*.

    A retained claim has no owner by design: the labels say whose it was, and a fleet of that name takes it up again.
    """
    meta = child["metadata"]
    if is_owned(child, fleet["metadata"]["uid"]):
        return True
    labels = meta.get("labels") or {}
    is_ours = labels.get(MANAGED_BY_LABEL) == MANAGED_BY and labels.get(FLEET_LABEL) == fleet["metadata"]["name"]
    return child["kind"] == RETAINED_KIND and is_ours and not meta.get("ownerReferences")
