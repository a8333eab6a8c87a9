"""Which fleets are asked for while they have no replica, and how urgently: what wakes them, and keeps them awake."""

from dataclasses import dataclass, field

from modelfleet.controller.serve.activator.decide import Load

DEMAND_SECONDS = 30.0
"""A fleet is asked for until this long after its last request."""
REMEMBERED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests for one fleet, at one replica of the operator."""

    held: int
    oldest_seconds: float
    """For how long the oldest held request has been waiting, since the gateway received it; 0 when none is held."""
    last_seconds: float
    """How long ago a request was last here; 0 while one is held."""

    @property
    def is_wanted(self) -> bool:
        """Return whether this wakes a fleet, and keeps it awake."""
        return self.held > 0 or self.last_seconds < DEMAND_SECONDS


@dataclass(slots=True)
class _Record:
    """The requests for one fleet."""

    wanted_since: float
    last_at: float
    started: dict[int, float] = field(default_factory=dict)


class Ledger:
    """Counts requests by fleet. All times are seconds on one clock; a fleet without requests is soon forgotten."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._total = 0
        self._next = 0

    def note(self, target: str, *, now: float) -> None:
        """Take down that a request is here."""
        record = self._records.get(target)
        if record is None or (not record.started and now - record.last_at >= DEMAND_SECONDS):
            self._records[target] = _Record(wanted_since=now, last_at=now)
        else:
            record.last_at = now

    def hold(self, target: str, *, started_at: float) -> int:
        """Count a request that was noted as held, and return its ticket."""
        self._next += 1
        self._records[target].started[self._next] = started_at
        self._total += 1
        return self._next

    def release(self, target: str, ticket: int, *, now: float) -> None:
        """Count it no longer."""
        record = self._records[target]
        del record.started[ticket]
        record.last_at = now
        self._total -= 1

    def load(self, target: str) -> Load:
        """Return what is held for *target* and in all."""
        record = self._records.get(target)
        return Load(
            of_fleet=len(record.started) if record else 0,
            total=self._total,
            wanted_since=record.wanted_since if record else None,
        )

    def demand(self, now: float) -> dict[str, Demand]:
        """Return the demand for every fleet that was asked for lately."""
        stale = [
            target
            for target, record in self._records.items()
            if not record.started and now - record.last_at >= REMEMBERED_SECONDS
        ]
        for target in stale:
            del self._records[target]
        return {target: _demand(record, now) for target, record in self._records.items()}


def _demand(record: _Record, now: float) -> Demand:
    if not record.started:
        return Demand(0, 0.0, now - record.last_at)
    return Demand(len(record.started), max(0.0, now - min(record.started.values())), 0.0)
