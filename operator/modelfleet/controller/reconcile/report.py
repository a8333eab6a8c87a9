"""Status: one write per reconcile, only when it says something new, and an Event for each turn of a condition."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelfleet.api.names import API_VERSION, STATUS_MANAGER
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
        meta = raw["metadata"]
        identity = {"name": meta["name"], "namespace": meta["namespace"]}
        obj = {"apiVersion": API_VERSION, "kind": resource.kind, "metadata": identity, "status": status}
        await self._writer.apply(resource, obj, manager=STATUS_MANAGER, subresource="status")
        for condition in turns(before.get("conditions") or (), status["conditions"]):
            self._tell(raw, condition)
        return True

    def _tell(self, raw: Json, condition: Condition) -> None:
        is_bad = condition["status"] == "False" and condition["reason"] not in UNREMARKABLE
        self._recorder.record(
            raw, reason=condition["reason"], note=condition["message"], action="Reconcile", warning=is_bad
        )


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
