"""What decides the fleet's size in a simulation: the product's own code, a fixed size, or a formula to compare with."""

from dataclasses import dataclass
from typing import Protocol

from modelfleet.scaling import Decision, History, Observation, ScalingPolicy, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a scaler may look at."""

    observation: Observation
    requests_in_flight: int
    """Requests that the gateway has not answered, its queue included: for formulas that count at a proxy."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The size a scaler wants, and the decision behind it where there is one."""

    replicas: int
    decision: Decision | None = None


class Scaler(Protocol):
    """Something that decides a size every `interval_seconds`."""

    @property
    def interval_seconds(self) -> float:
        """How far apart its decisions are."""

    def size(self, seen: Seen, now: float) -> Verdict:
        """Return the size the fleet should have at *now*, in Unix seconds."""


class ProductScaler:
    """`modelfleet.scaling.decide`, with the history that it asks to keep."""

    def __init__(self, policy: ScalingPolicy) -> None:
        self.policy = policy
        self.history = History()

    @property
    def interval_seconds(self) -> float:
        """The policy's."""
        return self.policy.interval_seconds

    def size(self, seen: Seen, now: float) -> Verdict:
        """Decide; an advice leaves the size as it is."""
        decision, self.history = decide(self.policy, seen.observation, self.history, now)
        return Verdict(decision.previous if decision.advisory else decision.replicas, decision)


class FixedSize:
    """The same size all the time."""

    interval_seconds = 60.0

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas

    def size(self, seen: Seen, now: float) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """Return the size."""
        return Verdict(self.replicas)
