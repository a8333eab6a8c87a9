"""Which pods of a fleet are capacity, which will be, and which never."""

from dataclasses import dataclass

from modelfleet.scaling.observation import NotReady, Observation, PodObservation

NO_NODE_GRACE_SECONDS = 60.0
"""A pod without a node for longer means that there is none: a cluster that adds nodes needs a moment to begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSets:
    """The pods in traffic by what can be expected of them; draining and terminating ones are in none of the sets."""

    ready: tuple[PodObservation, ...] = ()
    loading: tuple[PodObservation, ...] = ()
    """They will be ready one cold start after their creation."""
    unschedulable: tuple[PodObservation, ...] = ()
    broken: tuple[PodObservation, ...] = ()
    """They crash, or should have been ready long ago."""
    missing: int = 0
    """Pods that were asked for and do not exist yet."""
    leaving: int = 0
    """Draining and terminating pods: paid for, and no capacity."""

    @property
    def size(self) -> int:
        """Return the size the fleet has without those that leave."""
        return len(self.ready) + len(self.loading) + len(self.unschedulable) + len(self.broken) + self.missing

    @property
    def replaceable(self) -> int:
        """
        Return how many of the broken pods others are ordered for.

        A quarter of those that work, and one at least where one works: were it all of them, an image that crashes
        everywhere would buy the whole fleet.
        """
        return min(len(self.broken), max(1, len(self.ready) // 4)) if self.ready else 0

    def has_no_node(self, now: float) -> bool:
        """Return whether a pod has waited for a node for long."""
        return any(now - pod.created > NO_NODE_GRACE_SECONDS for pod in self.unschedulable)


def sorted_out(observation: Observation, *, now: float, start_up_seconds: float) -> PodSets:
    """Return the pods of *observation* in their sets, each in the order of names."""
    sets: dict[str, list[PodObservation]] = {"ready": [], "loading": [], "unschedulable": [], "broken": []}
    draining = terminating = 0
    for pod in sorted(observation.pods, key=lambda pod: pod.name):
        if pod.terminating:
            terminating += 1
        elif pod.draining:
            draining += 1
        else:
            sets[_set_of(pod, now, start_up_seconds)].append(pod)
    live = len(observation.pods) - terminating
    missing = 0 if observation.replicas is None else max(observation.replicas - live, 0)
    parts = {name: tuple(pods) for name, pods in sets.items()}
    return PodSets(**parts, missing=missing, leaving=draining + terminating)


def _set_of(pod: PodObservation, now: float, start_up_seconds: float) -> str:
    if pod.ready_at is not None:
        return "ready"
    if pod.not_ready is NotReady.UNSCHEDULABLE:
        return "unschedulable"
    is_late = now - pod.created > start_up_seconds
    return "broken" if pod.not_ready is NotReady.CRASH_LOOP or is_late else "loading"
