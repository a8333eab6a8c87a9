"""What the owner of a fleet asks of its size; the defaults are those of the kind."""

from dataclasses import dataclass, field

from modelfleet.api.catalogue.batching import FEWEST_REQUESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What one replica is meant to carry."""

    queue_depth_per_replica: int = 4
    """Requests that may wait in a replica beside those that run."""
    kv_cache_percent: int = 80
    """How full its KV cache may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What a good request is: both hold."""

    time_to_first_token_seconds: float
    inter_token_seconds: float
    """Mean over the tokens of one request."""
    percentile: int = 95
    """How many of a hundred requests are to be good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleWindow:
    """
    A time in which the fleet is not smaller than *min_replicas*: one occurrence of a schedule, in Unix seconds.

    Who builds a policy resolves cron and time zone, to the occurrence that goes on and the next one: a decision reads
    no calendar.
    """

    begins_at: float
    ends_at: float
    min_replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicy:
    """
    Between which sizes a fleet moves, what it aims at and how fast.

    Bounds are inclusive. With *min_replicas* 0 *idle_seconds* must be set; requests can then wake the fleet.
    """

    min_replicas: int = 1
    max_replicas: int
    targets: Targets = field(default_factory=Targets)
    slo: Slo | None = None
    """Set: the size follows from traffic and learned engine, the targets are a floor. None: the targets alone."""

    running_per_replica: int = FEWEST_REQUESTS
    """Requests that one replica runs at once: vLLM's `max-num-seqs` times its data-parallel ranks."""
    start_up_seconds: float = 600.0
    """How long a pod may take from its creation to Ready before it is no longer expected."""
    interval_seconds: float = 5.0
    """How far apart observations are meant to be."""

    scale_up_percent_per_minute: int = 400
    scale_down_percent_per_minute: int = 50
    scale_down_stabilization_seconds: float = 120.0
    """The size falls to the largest need of so many seconds."""

    schedule: tuple[ScheduleWindow, ...] = ()
    idle_seconds: float | None = None
    """After so long without a request the size becomes 0; None: never."""
    advisory: bool = False
    """Decisions are recorded and change nothing."""
    suspended: bool = False
    """Nothing changes, not even what an advice would be based on: the size is held."""
