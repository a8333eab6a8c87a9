"""
Whether the signals of a fleet can be believed, pod by pod.

A pod that cannot be read is Unknown. It is never a pod without load: a failed scrape counted as 0 collapses a fleet in
the very outage in which nobody watches it. One Unknown pod does not stop the fleet from growing on what the others
say; it stops it from shrinking.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter

from modelfleet.scaling.observation import Counters, PodObservation

STALE_INTERVALS = 3
"""A page older than so many intervals says nothing about now."""
FROZEN_SECONDS = 30.0
"""An engine with running requests generates, or processes a prompt, within this time; a hung one does not."""
INERT_SECONDS = 300.0
"""Pods are ready and not one page could be used for so long: the signals do not fit the engine."""

NEEDED = ("running", "waiting", "kv_usage", "prompt_tokens", "generation_tokens")
"""Without these there is no statement about load."""
_needed = attrgetter(*NEEDED)
_rising = attrgetter("prompt_tokens", "generation_tokens", "finished_requests", "iteration_tokens_count")
_numbers = attrgetter(*(name for name in Counters.__slots__ if name not in ("at", "time_to_first_token_buckets")))


class SignalProblem(StrEnum):
    """Why a pod's page is not used; the same word is the reason of the condition."""

    MISSING = "MetricsMissing"
    """No page could be read yet."""
    STALE = "MetricsStale"
    """The last page is too old."""
    FROZEN = "EngineFrozen"
    """Requests run and nothing moves."""
    PARTIAL = "SeriesMissing"
    """The page lacks series that are needed: another version, or another program."""
    INVALID = "MetricsInvalid"
    """A number is not finite, negative, or out of its range."""
    RESET = "EngineRestarted"
    """Counters went back: the engine began again. The next page is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMemory:
    """What is remembered of one pod: its last page that was good, and since when that page's counters stand still."""

    name: str
    page: Counters | None = None
    moved_at: float = 0.0
    """Time of the page in which something moved last, or of the last in which nothing ran."""
    was_ready: bool = False
    work: float = 0.0
    """Its share of the fleet's work when it was last known, in replicas."""


def problem_of(pod: PodObservation, memory: PodMemory | None, *, now: float, interval: float) -> SignalProblem | None:
    """Return why the page of *pod* cannot be used, None where it can."""
    page = pod.counters
    if page is None:
        return SignalProblem.MISSING
    if now - page.at > STALE_INTERVALS * interval:
        return SignalProblem.STALE
    if None in _needed(page):
        return SignalProblem.PARTIAL
    if not is_valid(page):
        return SignalProblem.INVALID
    return None if memory is None or memory.page is None else _problem_since(memory.page, page, memory.moved_at)


def _problem_since(before: Counters, page: Counters, moved_at: float) -> SignalProblem | None:
    """Return what a valid *page* says together with the one *before*."""
    if page.at > before.at and is_reset(before, page):
        return SignalProblem.RESET
    is_frozen = page.running and not has_moved(before, page) and page.at - moved_at >= FROZEN_SECONDS
    return SignalProblem.FROZEN if is_frozen else None


def is_valid(page: Counters) -> bool:
    """Return whether all that the page says is a finite number that is not negative, and KV usage a share."""
    values = [value for value in _numbers(page) if value is not None]
    if page.time_to_first_token_buckets is not None:
        values += [count for _, count in page.time_to_first_token_buckets]
    # A NaN or an infinity makes the sum one, and neither is below infinity.
    is_finite = not values or (min(values) >= 0.0 and sum(values) < math.inf)
    return is_finite and (page.kv_usage or 0.0) <= 1.0 + 1e-9


def is_reset(before: Counters, after: Counters) -> bool:
    """Return whether a counter fell."""
    for old, new in zip(_rising(before), _rising(after), strict=True):
        if old is not None and new is not None and new < old:
            return True
    return False


def has_moved(before: Counters | None, after: Counters) -> bool:
    """Return whether a counter of work is another one."""
    return before is None or bool(_rising(before) != _rising(after))


def remembered(pod: PodObservation, memory: PodMemory | None, problem: SignalProblem | None, work: float) -> PodMemory:
    """Return what to remember of *pod* after an observation in which its page had *problem*."""
    was_ready = pod.ready_at is not None or (memory is not None and memory.was_ready)
    before = memory.page if memory else None
    page = pod.counters
    if page is None or problem not in (None, SignalProblem.RESET, SignalProblem.FROZEN):
        moved_at = memory.moved_at if memory else 0.0
        return PodMemory(name=pod.name, page=before, moved_at=moved_at, was_ready=was_ready, work=work)
    stands_still = memory is not None and bool(page.running) and not has_moved(before, page)
    moved_at = memory.moved_at if memory is not None and stands_still else page.at
    return PodMemory(name=pod.name, page=page, moved_at=moved_at, was_ready=was_ready, work=work)


@dataclass(frozen=True, slots=True)
class Health:
    """Which of the pods that serve can be believed."""

    serving: int
    """Pods that are Ready and in traffic."""
    problems: tuple[tuple[str, SignalProblem], ...] = ()
    """Name and problem of each that cannot."""

    @property
    def is_complete(self) -> bool:
        """Return whether every pod in traffic can be believed, so that the fleet may shrink."""
        return not self.problems

    @property
    def is_blind(self) -> bool:
        """Return whether not one can be believed."""
        return bool(self.serving) and len(self.problems) == self.serving


def health_of(pods: Iterable[PodObservation], problems: Mapping[str, SignalProblem]) -> Health:
    """Return the health of the Ready pods among *pods*."""
    ready = [pod.name for pod in pods if pod.ready_at is not None]
    return Health(len(ready), tuple((name, problems[name]) for name in ready if name in problems))
