"""What goes wrong in a simulated fleet, and when."""

from dataclasses import dataclass
from functools import partial

from modelfleet.scaling.simulation.fleet import Fleet


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Times are seconds since the load began."""

    metrics_gone: tuple[tuple[float, float], ...] = ()
    """From when to when no page of any pod can be read."""
    crashes: tuple[float, ...] = ()
    """When the busiest pod's engine ends; its container starts again."""
    hangs: tuple[float, ...] = ()
    """When the busiest pod's engine stops making steps, for good."""
    room: tuple[tuple[float, int], ...] = ()
    """(from when, how many pods the nodes have room for)."""

    def metrics_are_gone(self, now: float) -> bool:
        """Return whether pages cannot be read at *now*."""
        return any(start <= now < end for start, end in self.metrics_gone)


def inject(faults: Faults, fleet: Fleet) -> None:
    """Let *faults* happen to *fleet* at their times."""
    for when in faults.crashes:
        fleet.at(when, partial(_crash, fleet))
    for when in faults.hangs:
        fleet.at(when, partial(_hang, fleet))
    for when, pods in faults.room:
        fleet.at(when, partial(_set_room, fleet, pods))


def _crash(fleet: Fleet, _now: float) -> None:
    if fleet.gateway.serving:
        fleet.crash(max(fleet.gateway.serving, key=lambda pod: pod.replica.outstanding))


def _hang(fleet: Fleet, _now: float) -> None:
    if fleet.gateway.serving:
        max(fleet.gateway.serving, key=lambda pod: pod.replica.outstanding).hung = True


def _set_room(fleet: Fleet, pods: int, _now: float) -> None:
    fleet.room = pods
