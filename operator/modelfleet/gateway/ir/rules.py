"""What a rule says: which requests it is about, where each try goes, and what comes of it when none succeeds."""

from dataclasses import dataclass
from enum import StrEnum

from modelfleet.gateway.ir.callers import Priority


class BackendKind(StrEnum):
    """Where a backend is."""

    FLEET = "Fleet"
    EXTERNAL = "External"


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """A `Pool` or a `Provider`, by name."""

    kind: BackendKind
    name: str


@dataclass(frozen=True, slots=True)
class Split:
    """Where one try goes: to one of several backends, by weight (all weights > 0)."""

    backends: tuple[tuple[Backend, int], ...]
    sticky_header: str | None = None
    """Requests with one value of this header get the same backend always; without it the user decides, else chance."""


@dataclass(frozen=True, slots=True)
class StaticAnswer:
    """What a client gets when every try failed."""

    status: int
    message: str
    retry_after_seconds: int | None = None


class HeaderTest(StrEnum):
    """How a header's value is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A condition on a request's header; the regular expression (RE2) must match the whole value."""

    name: str
    test: HeaderTest
    value: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """All of these must hold; empty means everything."""

    headers: tuple[HeaderMatch, ...] = ()
    body_bytes_at_most: int | None = None
    teams: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Retries:
    """How fast a request is tried again: jittered exponential back-off."""

    base_milliseconds: int = 25
    max_milliseconds: int = 250


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a request may take. Streams have no overall limit unless *request_seconds* is set."""

    idle_seconds: int = 300
    per_try_idle_seconds: int = 120
    """per_try_idle_seconds without a byte from a backend end that try; it bounds the time to the first byte too."""
    request_seconds: int | None = None


class Shed(StrEnum):
    """What becomes of a request of low priority when the fleet is busier than low priority may make it."""

    FALLBACK = "Fallback"
    REJECT = "Reject"


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests of one kind, and where they go. Rules are ordered; the first that matches decides."""

    name: str
    tries: tuple[Split, ...]
    """tries[n] is where try n goes; a backend that is down, full, resets, or answers 5xx or 429 leads to the next."""
    match: Match = Match()
    final: StaticAnswer | None = None
    retries: Retries = Retries()
    timeouts: Timeouts = Timeouts()
    shed: Shed | None = None
    """shed is None where low priority is treated like any other."""
