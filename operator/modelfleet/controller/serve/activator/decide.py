"""
What becomes of one request to a fleet that may sleep, at one moment.

The gateway sends a request here when the fleet has no ready replica. It lists the fleet several times in a row, and
goes on to the next place after 425, at once and without harm to this place's standing. So a request leaves here in one
of two ways: with 425 while the gateway has tries left, for the woken fleet or for a fallback; or with 503 and
`Retry-After` on the last try, as the client's answer. An earlier 503 would do harm: the gateway may wait as long as
`Retry-After` says, and leaves this place out after a few of them.

Rule 1. A fleet whose requests do not wait: 425 at once.
Rule 2. A ready fleet: 425 as soon as every gateway knows the address, at the latest after `SETTLE_SECONDS` (an earlier
        one would come straight back, and use up a try).
Rule 3. The time to hold is over, counted from the gateway's first try: the request leaves.
Rule 4. Too many are held already: the request leaves.
Rule 5. Otherwise it is held.

A fleet that is not known here, as just after its creation, may become known within `SETTLE_SECONDS`.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

SETTLE_SECONDS = 5.0
UNKNOWN_RETRY_SECONDS = 5
LONGEST_RETRY_SECONDS = 3600


class Reason(StrEnum):
    """Why a request left."""

    AWAKE = "Awake"
    """The fleet has a ready replica."""
    FALLS_BACK = "FallsBack"
    """Requests do not wait for this fleet."""
    HOLD_ENDED = "HoldEnded"
    """The request was held as long as may be."""
    TOO_MANY = "TooMany"
    """As many requests are held as may be."""
    UNKNOWN_FLEET = "UnknownFleet"
    """No such fleet is known, or it does not sleep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleeper:
    """A fleet that may sleep, as it is now."""

    hold_seconds: float
    falls_back: bool = False
    """True where requests go to the fallback while the fleet wakes."""
    cold_start_seconds: float
    """Eight of ten cold starts take at most this long, from the pod's creation until it is ready."""
    is_ready: bool = False
    """True while at least one replica is ready and in traffic."""
    is_acknowledged: bool = False
    """True once every connected gateway acknowledged endpoints with a ready replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, in one try of the gateway. Times are seconds on this process's own clock."""

    target: str
    """The fleet, as `<namespace>/<name>`."""
    started_at: float
    """When the gateway received the request, which may be several tries ago."""
    arrived_at: float
    attempt: int = 1
    tries: int = 1
    """The gateway's tries in all; *attempt* counts from 1."""

    @property
    def is_last_try(self) -> bool:
        """Return whether the gateway will pass on the answer, whatever it is."""
        return self.attempt >= self.tries


@dataclass(frozen=True, slots=True)
class Caps:
    """
    How many requests are held at most, at one replica.

    Their bodies wait in the gateway; here each is a connection of 90 KB (measured), so all of them take 180 MB.
    """

    per_fleet: int = 1000
    total: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is held besides the request, and since when the fleet is asked for (None: just now)."""

    of_fleet: int = 0
    total: int = 0
    wanted_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What has become of the request so far."""

    is_held: bool = False
    ready_since: float | None = None
    """Since when the fleet is ready, as far as this request saw."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait for a change of the fleet, at most until then."""

    until: float


@dataclass(frozen=True, slots=True)
class Bounce:
    """Answer 425: the gateway tries its next place."""

    reason: Reason
    retry_after_seconds: int
    """For a gateway that makes something else of a client's 425; Envoy's next try does not wait for it (with 1.40)."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer 503, as the client's answer."""

    reason: Reason
    retry_after_seconds: int


Verdict = Hold | Bounce | Refuse


def decide(
    asked: Asked,
    sleeper: Sleeper | None,
    *,
    progress: Progress,
    load: Load,
    caps: Caps,
    now: float,
) -> Verdict:
    """Return what becomes of the request; *sleeper* is None for a fleet that is unknown or never sleeps."""
    if sleeper is None:
        known_by = asked.arrived_at + SETTLE_SECONDS
        return Hold(known_by) if now < known_by else _leave(asked, Reason.UNKNOWN_FLEET, UNKNOWN_RETRY_SECONDS)
    deadline = asked.started_at + sleeper.hold_seconds
    if sleeper.is_ready:
        settled = min((now if progress.ready_since is None else progress.ready_since) + SETTLE_SECONDS, deadline)
        is_settled = sleeper.is_acknowledged or sleeper.falls_back or now >= settled
        return _leave(asked, Reason.AWAKE, 1) if is_settled else Hold(settled)
    reason = _reason_to_leave(sleeper, deadline=deadline, progress=progress, load=load, caps=caps, now=now)
    if reason is None:
        return Hold(deadline)
    since = min(asked.started_at, load.wanted_since if load.wanted_since is not None else now)
    return _leave(asked, reason, retry_after_seconds(sleeper.cold_start_seconds, elapsed_seconds=now - since))


def retry_after_seconds(cold_start_seconds: float, *, elapsed_seconds: float) -> int:
    """
    Return what is left of a cold start that began *elapsed_seconds* ago.

    At least a tenth of it, for one that takes longer than usual, and within 1 s to 1 h.
    """
    left = max(cold_start_seconds - elapsed_seconds, cold_start_seconds / 10)
    return min(max(math.ceil(left), 1), LONGEST_RETRY_SECONDS)


def _reason_to_leave(
    sleeper: Sleeper, *, deadline: float, progress: Progress, load: Load, caps: Caps, now: float
) -> Reason | None:
    if sleeper.falls_back:
        return Reason.FALLS_BACK
    if now >= deadline:
        return Reason.HOLD_ENDED
    is_full = load.of_fleet >= caps.per_fleet or load.total >= caps.total
    return Reason.TOO_MANY if is_full and not progress.is_held else None


def _leave(asked: Asked, reason: Reason, retry_after: int) -> Bounce | Refuse:
    return Refuse(reason, retry_after) if asked.is_last_try else Bounce(reason, retry_after)
