"""Status: one write per reconcile, only when it says something new, and an Event for each turn of a condition."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelfleet.controller.cluster.events import Recorder
from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.reconcile.writer import Writer

SUMMARY = "Ready"
TOLD = (SUMMARY, "Accepted", "NamesAccepted", "AbleToScale", "ResolvedRefs")
"""Conditions whose turns are Events; the others follow from them."""
PASSING = frozenset({"Loading", "RollingOut", "Pending"})
"""Reasons that are no news: every fleet goes through them, and the Deployment's own Events tell more."""
REMEMBERED = 4096
"""Writes that are remembered; beyond so many objects some are repeated while the CRD is older."""

Condition = Mapping[str, Any]


class Reporter:
    """Writes statuses, and tells what turned."""

    def __init__(self, writer: Writer, recorder: Recorder) -> None:
        self._writer = writer
        self._recorder = recorder
        self._in_vain: OrderedDict[str, tuple[str, Json]] = OrderedDict()

    async def report(self, resource: Resource, raw: Json, status: Json) -> bool:
        """
        Write *status* unless *raw* has it already, and return whether it was written.

        What an older CRD lacks is lost on every write; the same is not written to the same version again.
        """
        before, meta = raw.get("status") or {}, raw["metadata"]
        patch = merge_patch(before, status)
        if before == status or self._in_vain.get(meta["uid"]) == (meta["resourceVersion"], patch):
            return False
        await self._writer.patch_status(resource, raw, patch)
        self._remember(meta["uid"], (meta["resourceVersion"], patch))
        for condition in turns(before.get("conditions") or (), status["conditions"]):
            self._tell(raw, condition)
        return True

    def _remember(self, uid: str, written: tuple[str, Json]) -> None:
        self._in_vain[uid] = written
        self._in_vain.move_to_end(uid)
        if len(self._in_vain) > REMEMBERED:
            self._in_vain.popitem(last=False)

    def _tell(self, raw: Json, condition: Condition) -> None:
        self._recorder.record(
            raw,
            reason=condition["reason"],
            note=condition["message"],
            action="Reconcile",
            warning=condition["status"] == "False",
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


def turns(before: Iterable[Condition], after: Iterable[Condition]) -> Iterator[Condition]:
    """
    Return the conditions that changed their status or reason, each message once.

    A condition that is fine from the start is no news, except for the summary.
    """
    known = {condition["type"]: (condition["status"], condition["reason"]) for condition in before}
    told = set()
    for condition in after:
        kind, said = condition["type"], (condition["reason"], condition["message"])
        is_turn = known.get(kind) != (condition["status"], condition["reason"])
        is_news = kind in known or kind == SUMMARY or condition["status"] != "True"
        if kind in TOLD and is_turn and is_news and said not in told and condition["reason"] not in PASSING:
            told.add(said)
            yield condition
