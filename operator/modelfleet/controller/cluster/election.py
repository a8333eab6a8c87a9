"""
Who may write: the decisions of leader election, without clocks or requests.

Rule 1. A candidate takes a lease that nobody holds, or that it has seen unchanged for the holder's own duration.
Rule 2. "Seen" means on the candidate's clock: the times inside the lease are for people, and a clock that is wrong
        elsewhere changes nothing.
Rule 3. A holder counts its time from the moment it *sent* its last successful renewal, so it never believes longer
        than others do that it holds the lease.
Rule 4. A holder stops once it could not renew for the renew deadline, which is shorter than the duration; what is left
        of the duration is the time that writes under way may still take.
"""

import enum
from dataclasses import dataclass
from typing import Any

from modelfleet.controller.cluster.resources import Json


class Action(enum.Enum):
    """What to do about the lease next."""

    CREATE = "create"
    """It does not exist: create it as ours."""
    ACQUIRE = "acquire"
    """Nobody holds it, or its holder is gone: take it over."""
    RENEW = "renew"
    """It is ours: stay."""
    WAIT = "wait"
    """Somebody else holds it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of an election, in seconds; renewals happen every *retry*."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.retry < self.renew_deadline < self.duration:
            raise ValueError(
                f"lease times must be retry < renew deadline < duration, got "
                f'"{self.retry:g}", "{self.renew_deadline:g}", "{self.duration:g}"'
            )

    @property
    def grace(self) -> float:
        """Return the time that a write which started in time may take: nobody else leads before it is over."""
        return self.duration - self.renew_deadline


@dataclass(frozen=True, slots=True)
class Sight:
    """The version of the lease that was seen last, and when it was seen first, on our clock."""

    version: str
    since: float


def look(lease: Json | None, sight: Sight | None, *, now: float) -> Sight | None:
    """Return what is known about the lease's age after reading it at *now*."""
    if lease is None:
        return None
    version = lease["metadata"]["resourceVersion"]
    return sight if sight is not None and sight.version == version else Sight(version, now)


def step(lease: Json | None, sight: Sight | None, *, me: str, now: float) -> Action:
    """Return what *me* does about *lease*, which was looked at as *sight* says."""
    if lease is None or sight is None:
        return Action.CREATE
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity")
    if holder == me:
        return Action.RENEW
    expired = now >= sight.since + max(1, spec.get("leaseDurationSeconds") or 1)
    return Action.ACQUIRE if not holder or expired else Action.WAIT


def held(lease: Json | None, *, me: str, duration: float, written_at: str) -> Json:
    """
    Return the spec with which *me* holds *lease* from now on, new, taken over or renewed.

    Written over the version it was read at, it fails when somebody was faster.
    """
    spec = (lease or {}).get("spec") or {}
    now_mine: dict[str, Any] = {"holderIdentity": me, "leaseDurationSeconds": int(duration), "renewTime": written_at}
    if spec.get("holderIdentity") == me:
        return spec | now_mine
    transitions = (spec.get("leaseTransitions") or 0) + (lease is not None)
    return spec | now_mine | {"acquireTime": written_at, "leaseTransitions": transitions}


def released(lease: Json, *, written_at: str) -> Json:
    """Return the spec of *lease* as nobody's, so that the next candidate need not wait."""
    return (lease.get("spec") or {}) | {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": written_at}
