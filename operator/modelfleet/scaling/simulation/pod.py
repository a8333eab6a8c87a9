"""A pod of the simulated fleet, from its creation to its end."""

from dataclasses import dataclass, field

from modelfleet.scaling.observation import Counters, NotReady, PodObservation
from modelfleet.scaling.simulation.replica import Replica


@dataclass(slots=True, eq=False, kw_only=True)
class Pod:
    """One pod; all times are seconds since the load began."""

    name: str
    created: float
    replica: Replica
    start_up_seconds: float
    """From the moment it has a node until it is Ready."""
    scheduled_at: float | None = None
    """Since when it has a node, and costs money."""
    ready_at: float | None = None
    draining_since: float | None = None
    idle_since: float | None = None
    """Since when it has had nothing to do, while it drains."""
    gone_at: float | None = None
    restarts: int = 0
    hung: bool = False
    """Its engine makes no steps, and its counters stand still."""
    counters: Counters | None = None
    """The last page that was read."""
    scrape_error: str | None = None
    phase_seconds: float = field(default=0.0)
    """How long after the beginning of a round its page is read."""

    @property
    def is_serving(self) -> bool:
        """Return whether it gets requests."""
        return self.ready_at is not None and self.draining_since is None and self.gone_at is None

    @property
    def is_draining(self) -> bool:
        """Return whether it finishes what it has, and gets nothing new."""
        return self.draining_since is not None and self.gone_at is None

    @property
    def is_loading(self) -> bool:
        """Return whether it will be ready, if not who knows when."""
        return self.ready_at is None and self.gone_at is None and self.draining_since is None

    def observed(self, epoch: float) -> PodObservation:
        """Return what a scaler sees of it; *epoch* is the Unix time at which the load began."""
        return PodObservation(
            name=self.name,
            created=epoch + self.created,
            ready_at=None if self.ready_at is None else epoch + self.ready_at,
            not_ready=None if self.ready_at is not None else self._not_ready(),
            draining=self.is_draining,
            counters=self.counters,
            scrape_error=self.scrape_error,
        )

    def _not_ready(self) -> NotReady:
        if self.scheduled_at is None:
            return NotReady.UNSCHEDULABLE
        if self.restarts > 1:
            return NotReady.CRASH_LOOP
        return NotReady.LOADING if not self.restarts else NotReady.UNREADY
