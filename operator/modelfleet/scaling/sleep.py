"""
When a fleet that may sleep goes to sleep, and when it wakes.

It is quiet since the latest of: the first observation, the last held request, the last movement of any pod's counters,
the last running or waiting request, the last change of the set of pods, and, for a pod that has not started, the end of
its start-up budget. So a wake is finished although its client left, and a pod that can never start is not kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from modelfleet.scaling.health import PodMemory, has_moved
from modelfleet.scaling.observation import HeldRequests, PodObservation

DEMAND_SECONDS = 30.0
"""A held request is demand for so long after it came, whatever became of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Since when nothing happened, as far as was seen; None before the first observation."""

    since: float | None = None
    pods: tuple[str, ...] = ()


def is_demanded(held: HeldRequests | None, now: float) -> bool:
    """Return whether somebody waits for the fleet, or did a moment ago."""
    if held is None:
        return False
    return held.requests > 0 or (held.last_at is not None and now - held.last_at < DEMAND_SECONDS)


def quiet_at(
    quiet: Quiet,
    pods: tuple[PodObservation, ...],
    memories: dict[str, PodMemory],
    *,
    now: float,
    held: HeldRequests | None,
    start_up_seconds: float,
) -> Quiet:
    """Return since when nothing happened, seen at *now*."""
    names = tuple(pod.name for pod in pods)
    is_quiet = names == quiet.pods and not is_demanded(held, now)
    if is_quiet and not any(_is_busy(pod, memories.get(pod.name)) for pod in pods):
        since = quiet.since if quiet.since is not None else now
    else:
        since = now
    budgets = _start_up_ends(pods, memories, start_up_seconds)
    return Quiet(since=max((since, *budgets)), pods=names)


def _is_busy(pod: PodObservation, memory: PodMemory | None) -> bool:
    """Return whether *pod* has requests, or had some since it was seen last."""
    page = pod.counters
    if page is None:
        return False
    return bool(page.running or page.waiting) or (memory is not None and has_moved(memory.page, page))


def _start_up_ends(
    pods: Iterable[PodObservation], memories: dict[str, PodMemory], start_up_seconds: float
) -> list[float]:
    """Return by when the pods that have never been ready should be."""
    never_ready = (
        pod for pod in pods if pod.ready_at is None and not (pod.name in memories and memories[pod.name].was_ready)
    )
    return [pod.created + start_up_seconds for pod in never_ready]
