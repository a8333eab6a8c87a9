"""Where requests can go: the replicas of a fleet, and services outside the cluster."""

from dataclasses import dataclass
from enum import StrEnum


class AffinityKey(StrEnum):
    """What makes two requests belong to the same replica."""

    PREFIX = "Prefix"
    SESSION = "Session"
    USER = "User"


@dataclass(frozen=True, slots=True)
class Affinity:
    """Requests with one key go to one replica, until that has *load_bound_percent* of the mean load."""

    key: AffinityKey
    prefix_bytes: int = 512
    session_header: str = "x-session-id"
    load_bound_percent: int = 150


@dataclass(frozen=True, slots=True)
class Sleep:
    """A fleet that may have no replicas, and what a request then meets."""

    hold_seconds: int
    falls_back: bool = False
    """falls_back sends requests on to the fallback while the fleet wakes; else they are held."""


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """When a replica that errs is left out, and for how long at first."""

    consecutive_errors: int = 5
    ejection_seconds: int = 10
    max_ejection_percent: int = 100


RETRY_BUDGET_PERCENT = 20
"""The default of a policy's `retries.budgetPercent`."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The ready replicas of one fleet. None of these numbers depends on how many there are."""

    fleet: str
    """fleet is `<namespace>/<name>`."""
    connections_per_pod: int
    """connections_per_pod is one gateway replica's share of what a pod takes before it is saturated; at least 1."""
    low_priority_connections_per_pod: int
    """Requests of low priority get a connection only while the pod has fewer than this; at least 1."""
    queue_limit: int
    """queue_limit is how many requests one gateway replica queues for the whole fleet before it is saturated."""
    affinity: Affinity | None = None
    sleep: Sleep | None = None
    outliers: OutlierDetection = OutlierDetection()
    connect_milliseconds: int = 1000
    retry_budget_percent: int = RETRY_BUDGET_PERCENT
    """retry_budget_percent is how many of the requests that are open to the fleet may be further tries."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a pod listens."""

    ip: str
    port: int
    node: str = ""


@dataclass(frozen=True, slots=True, order=True)
class SecretKey:
    """One entry of a Secret."""

    namespace: str
    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenAI-compatible service outside the cluster, always behind TLS."""

    name: str
    """name is `external/<namespace>/<hash>`, the same for the same content."""
    host: str
    port: int
    base_path: str
    """base_path stands where our own paths have `/v1`: `/v1`, `/openai/v1`, or empty."""
    model: str | None = None
    """model replaces the requested name; None sends the requested one."""
    key: SecretKey | None = None
    key_header: str = "authorization"
    """In `authorization` the key follows `Bearer `; any other header has it bare."""
