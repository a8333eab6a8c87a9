"""
Changes of a pod template that no user asked for: a new operator, or an edited catalogue.

The Deployment remembers a digest of what the user declared and one of the template that was applied. A template that
differs while the declaration does not is the operator's own change, and waits for its turn.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from modelfleet.api.names import INPUT_HASH_ANNOTATION, OPERATOR_CHANGE_ANNOTATION, TEMPLATE_HASH_ANNOTATION

Deployment = Mapping[str, Any]


def is_operators_change(live: Deployment | None, wanted: Deployment) -> bool:
    """Return whether applying *wanted* would replace pods although the user changed nothing."""
    if live is None:
        return False
    before, after = _annotations(live), _annotations(wanted)
    same_input = before.get(INPUT_HASH_ANNOTATION) == after[INPUT_HASH_ANNOTATION]
    return same_input and before.get(TEMPLATE_HASH_ANNOTATION) != after[TEMPLATE_HASH_ANNOTATION]


def is_rolling_for_operator(live: Deployment) -> bool:
    """
    Return whether pods of *live* are being replaced because of an operator's change, or wait to become available.

    A fleet of which a part was not available before is not waited for any longer once its controller gave up, unless
    the change cost it pods that were.
    """
    if OPERATOR_CHANGE_ANNOTATION not in _annotations(live):
        return False
    status = live.get("status") or {}
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return True
    replicas, before = live["spec"].get("replicas", 1), _available_before(live)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if before < replicas and available >= before and _gave_up(status):
        return False
    if status.get("replicas", 0) != updated:
        return True
    awaited = min(replicas, max(before, 1))
    return not (_was_seen_through(status) or (updated >= replicas and available >= awaited))


def _available_before(live: Deployment) -> int:
    """Return how many pods were available when the change under way began: all, where the mark does not say."""
    mark = _annotations(live)[OPERATOR_CHANGE_ANNOTATION]
    return int(mark) if mark.isdecimal() else int(live["spec"].get("replicas", 1))


def _gave_up(status: Mapping[str, Any]) -> bool:
    """Return whether the Deployment's controller says that a rollout made no progress for its whole deadline."""
    conditions = status.get("conditions") or ()
    return any((c["type"], c.get("reason")) == ("Progressing", "ProgressDeadlineExceeded") for c in conditions)


def _was_seen_through(status: Mapping[str, Any]) -> bool:
    """Return whether all pods were available once, as the Deployment's controller says until there is news."""
    conditions = status.get("conditions") or ()
    return any((c["type"], c.get("reason")) == ("Progressing", "NewReplicaSetAvailable") for c in conditions)


def free_turns(deployments: Iterable[Deployment], *, at_most: int) -> int:
    """Return how many more fleets may roll because of an operator's change."""
    return max(0, at_most - sum(is_rolling_for_operator(live) for live in deployments))


def marked(wanted: dict[str, Any], live: Deployment) -> dict[str, Any]:
    """
    Return *wanted* with the mark of an operator's change; the next change by the user removes it.

    The mark says how many pods of *live* were available when the first change began whose rollout still goes on.
    """
    if is_rolling_for_operator(live):
        mark = _annotations(live)[OPERATOR_CHANGE_ANNOTATION]
    else:
        mark = str((live.get("status") or {}).get("availableReplicas", 0))
    annotations = {**wanted["metadata"]["annotations"], OPERATOR_CHANGE_ANNOTATION: mark}
    return wanted | {"metadata": wanted["metadata"] | {"annotations": annotations}}


def _annotations(deployment: Deployment) -> Mapping[str, str]:
    return deployment["metadata"].get("annotations") or {}
