"""Status: one write per reconcile, only when it says something new, and an Event for each turn of a condition."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.controller.cluster.events import Recorder
from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.reconcile.writer import Writer

TOLD = ("Ready", "Accepted", "NamesAccepted", "AbleToScale", "ResolvedRefs")
"""Conditions whose turns are Events; the others follow from them."""
UNREMARKABLE = frozenset({"Loading", "RollingOut", "Pending"})
"""Reasons that are not worth a warning although the condition is False: it will pass."""

Condition = Mapping[str, Any]


class Reporter:
    """Writes statuses, and tells what turned."""

    def __init__(self, writer: Writer, recorder: Recorder) -> None:
        self._writer = writer
        self._recorder = recorder

    async def report(self, resource: Resource, raw: Json, status: Json) -> bool:
        """Write *status* unless *raw* has it already, and return whether it was written."""
        before = raw.get("status") or {}
        if before == status:
            return False
        await self._writer.patch_status(resource, raw, merge_patch(before, status))
        for condition in turns(before.get("conditions") or (), status["conditions"]):
            self._tell(raw, condition)
        return True

    def _tell(self, raw: Json, condition: Condition) -> None:
        is_bad = condition["status"] == "False" and condition["reason"] not in UNREMARKABLE
        self._recorder.record(
            raw, reason=condition["reason"], note=condition["message"], action="Reconcile", warning=is_bad
        )


def merge_patch(before: Json, after: Json) -> Json:
    """Return the JSON merge patch (RFC 7386) from *before* to *after*."""
    patch: Json = dict.fromkeys(before.keys() - after.keys())
    for key, value in after.items():
        old = before.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            patch |= {key: merge_patch(old, value)} if old != value else {}
        elif old != value:
            patch[key] = value
    return patch


def turns(before: Any, after: Any) -> Iterator[Condition]:
    """Return the conditions that changed their status or reason, each message once."""
    known = {condition["type"]: (condition["status"], condition["reason"]) for condition in before}
    told = set()
    for condition in after:
        is_turn = known.get(condition["type"]) != (condition["status"], condition["reason"])
        is_told = (condition["reason"], condition["message"]) in told
        if condition["type"] in TOLD and is_turn and not is_told:
            told.add((condition["reason"], condition["message"]))
            yield condition
