"""How long a fleet's pods take from their creation until they are ready."""

import datetime as dt
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from modelfleet.api.names import ENGINE_CONTAINER
from modelfleet.controller.cluster.resources import Json
from modelfleet.workload.fit import startup_budget_seconds

UNKNOWN_BUDGET_SECONDS = float(startup_budget_seconds(0))
"""Of a fleet that has no Deployment, whose start-up probe would say it: the least that any model needs."""
REMEMBERED_STARTS = 20
"""Per fleet; enough for a percentile that follows a new image or disk within a day of sleeping and waking."""
PERCENTILE = 80
OUTLIER_FACTOR = 2
"""A start longer than so many start-up budgets is none: the pod became ready once more, after an illness."""


class ColdStarts:
    """The latest cold starts of every fleet, learned from its pods; forgotten with the process."""

    def __init__(self) -> None:
        self._seconds: dict[str, OrderedDict[str, float]] = {}

    def learn(self, target: str, pods: Iterable[Json], *, budget_seconds: float) -> None:
        """Take in the *pods* of a fleet; each counts once, as it was when it was first seen ready."""
        known = self._seconds.setdefault(target, OrderedDict())
        for pod in pods:
            seconds = start_seconds(pod)
            if seconds is not None and 0 <= seconds <= OUTLIER_FACTOR * budget_seconds:
                known.setdefault(pod["metadata"]["uid"], seconds)
        while len(known) > REMEMBERED_STARTS:
            known.popitem(last=False)

    def forget(self, target: str) -> None:
        """Drop a fleet that is gone."""
        self._seconds.pop(target, None)

    def usual_seconds(self, target: str, *, budget_seconds: float) -> float:
        """Return within what time eight of ten starts were over; the start-up budget until one was seen."""
        known = self._seconds.get(target)
        return percentile(tuple(known.values()), PERCENTILE) if known else budget_seconds


def start_budget_seconds(deployments: Iterable[Json]) -> float:
    """Return how long the engine of a fleet may take to start, by the start-up probe in its Deployment."""
    templates = (each["spec"]["template"]["spec"]["containers"] for each in deployments)
    engines = (
        container for containers in templates for container in containers if container["name"] == ENGINE_CONTAINER
    )
    probes = (engine["startupProbe"] for engine in engines if "startupProbe" in engine)
    budgets = (float(probe["failureThreshold"] * probe["periodSeconds"]) for probe in probes)
    return max(budgets, default=UNKNOWN_BUDGET_SECONDS)


def start_seconds(pod: Json) -> float | None:
    """Return how long *pod* took to become ready; None while it is not, after a restart, or without times."""
    status = pod.get("status") or {}
    ready: Json = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), {})
    restarts = sum(each.get("restartCount", 0) for each in status.get("containerStatuses") or ())
    since, created = ready.get("lastTransitionTime"), pod["metadata"].get("creationTimestamp")
    if ready.get("status") != "True" or restarts or not since or not created:
        return None
    return (_time(since) - _time(created)).total_seconds()


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest of *values* that at least *percent* of them do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
