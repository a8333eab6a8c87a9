"""What is wrong with an object, and how its problems become conditions."""

from collections.abc import Iterable
from dataclasses import dataclass

from modelfleet.api.conditions import ConditionType, Finding, Reason


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to change; what is sound beside it still counts."""

    type: ConditionType
    reason: Reason
    message: str


def unresolved(reason: Reason, message: str) -> Problem:
    """Return a problem with what the object refers to."""
    return Problem(ConditionType.RESOLVED_REFS, reason, message)


def finding(condition: ConditionType, problems: Iterable[Problem], sound: str) -> Finding:
    """Return *condition* for those of *problems* that are about it: the first one's reason, and all messages."""
    found = [problem for problem in problems if problem.type == condition]
    if not found:
        return Finding(condition, "True", Reason.ACCEPTED, sound)
    messages = dict.fromkeys(problem.message for problem in found)
    return Finding(condition, "False", found[0].reason, " ".join(messages))


def summarized(*found: Finding) -> tuple[Finding, ...]:
    """Return *found* with the summary before it and what kstatus reads after it."""
    worst = min(found, key=lambda one: ("False", "Unknown", "True").index(one.status))
    ready = Finding(ConditionType.READY, worst.status, worst.reason, worst.message)
    waits = worst.status == "Unknown"
    settled = Finding(ConditionType.RECONCILING, "True" if waits else "False", worst.reason if waits else Reason.STABLE)
    stalled = Finding(ConditionType.STALLED, "True" if worst.status == "False" else "False", worst.reason)
    return ready, *found, settled, stalled
