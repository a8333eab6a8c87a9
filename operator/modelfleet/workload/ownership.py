"""Which objects belong to a fleet; every other object of the same name is foreign and is never touched."""

from collections.abc import Mapping
from typing import Any

from modelfleet.api.kinds import MODEL_DEPLOYMENT
from modelfleet.api.names import FLEET_LABEL, GROUP, MANAGED_BY, MANAGED_BY_LABEL

RETAINED_KIND = "PersistentVolumeClaim"


def is_owned(child: Mapping[str, Any], fleet_uid: str) -> bool:
    """Return whether the fleet is the controller of *child*, so that it is deleted with it."""
    references = child["metadata"].get("ownerReferences") or ()
    return any(reference.get("controller") and reference["uid"] == fleet_uid for reference in references)


def belongs_to(child: Mapping[str, Any], fleet: Mapping[str, Any]) -> bool:
    """
    Return whether *child* may be written for *fleet*.

    A retained claim has no owner by design: the labels say whose it was, and a fleet of that name takes it up again.
    So it does with what an earlier fleet of its name left and nobody has collected yet: the pods go on serving.
    """
    meta = child["metadata"]
    if is_owned(child, fleet["metadata"]["uid"]) or _was_owned(child, fleet["metadata"]["name"]):
        return True
    labels = meta.get("labels") or {}
    is_ours = labels.get(MANAGED_BY_LABEL) == MANAGED_BY and labels.get(FLEET_LABEL) == fleet["metadata"]["name"]
    return child["kind"] == RETAINED_KIND and is_ours and not meta.get("ownerReferences")


def _was_owned(child: Mapping[str, Any], name: str) -> bool:
    """Return whether the controller of *child* is a fleet called *name*; in a namespace there is one at a time."""
    references = child["metadata"].get("ownerReferences") or ()
    controllers = (reference for reference in references if reference.get("controller"))
    return any(
        (owner.get("kind"), owner.get("name")) == (MODEL_DEPLOYMENT.name, name)
        and str(owner.get("apiVersion")).partition("/")[0] == GROUP
        for owner in controllers
    )
