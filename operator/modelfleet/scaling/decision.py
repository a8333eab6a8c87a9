"""A decision that says what it is, what made it so, and what would have made it another."""

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """The rules in the order of the chain; a decision names the last one that changed the size."""

    HEALTH = "Health"
    """Signals are missing: the size is held."""
    SIZE = "Size"
    """The smallest size that carries the traffic."""
    QUEUE = "Queue"
    """Requests wait."""
    KV_CACHE = "KVCache"
    """The KV cache is full."""
    SCHEDULE = "Schedule"
    """A window asks for more."""
    BOUNDS = "Bounds"
    """The policy's smallest or largest size."""
    RATE = "Rate"
    """The size changes in steps."""
    STABILIZATION = "Stabilization"
    """A smaller size waits until it was enough for a while."""
    SLEEP = "Sleep"
    """No requests, or the first one."""


class Reason(StrEnum):
    """Why the size is what it is; the same word in the Event, in status and in tests."""

    ENOUGH = "Enough"
    """The size carries the traffic, and one less would not."""
    MORE_TRAFFIC = "MoreTraffic"
    LESS_TRAFFIC = "LessTraffic"
    QUEUE_TOO_DEEP = "QueueTooDeep"
    KV_CACHE_FULL = "KVCacheFull"
    SCHEDULED = "Scheduled"
    AT_MINIMUM = "AtMinimum"
    AT_MAXIMUM = "AtMaximum"
    BELOW_MINIMUM = "BelowMinimum"
    ABOVE_MAXIMUM = "AboveMaximum"
    SCALE_UP_RATE = "ScaleUpRate"
    SCALE_DOWN_RATE = "ScaleDownRate"
    STABILIZING = "Stabilizing"
    OBSERVING = "Observing"
    """One full window of own observations is not over: nothing is lowered."""
    UNSCHEDULABLE = "Unschedulable"
    """Pods ordered before have no node, so no more are ordered."""
    SIGNALS_MISSING = "SignalsMissing"
    SUSPENDED = "Suspended"
    WOKEN_BY_REQUESTS = "WokenByRequests"
    IDLE = "Idle"
    ASLEEP = "Asleep"
    QUIET_UNKNOWN = "QuietUnknown"
    """Whether there are requests is not known, so the fleet does not go to sleep."""


@dataclass(frozen=True, slots=True)
class Input:
    """A number that the decision rests on, with the unit it is in."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Condition:
    """What a condition of the fleet should say; types are those of the HorizontalPodAutoscaler."""

    type: str
    """`ScalingActive`: the size follows the signals. `ScalingLimited`: a bound keeps it from what is needed."""
    status: str
    """True, False or Unknown."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The size a fleet should have now."""

    at: float
    replicas: int
    previous: int
    """The size it was decided for: pods in traffic, loading and still missing, without draining ones."""
    rule: Rule
    reason: Reason
    message: str
    """One sentence with the numbers and their units."""
    why_not_more: str
    why_not_less: str
    inputs: tuple[Input, ...] = ()
    conditions: tuple[Condition, ...] = ()
    advisory: bool = False
    """It is an advice: the size is not to be changed."""

    @property
    def changes_size(self) -> bool:
        """Return whether the fleet is to get another size."""
        return not self.advisory and self.replicas != self.previous
