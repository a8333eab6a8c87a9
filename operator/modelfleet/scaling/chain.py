"""From an observation to a decision: the rules in their order."""

from modelfleet.scaling.decision import Decision, Reason, Rule
from modelfleet.scaling.history import History
from modelfleet.scaling.observation import Observation
from modelfleet.scaling.policy import ScalingPolicy


def decide(policy: ScalingPolicy, observation: Observation, history: History, now: float) -> tuple[Decision, History]:
    """
    Return the size the fleet should have, and what to remember for the next decision.

    The same four arguments give the same answer, bit for bit. *now* is the time of the decision, at or after
    `observation.at`, in Unix seconds. Never raises for what was observed.
    """
    serving = sum(not (pod.draining or pod.terminating) for pod in observation.pods)
    size = observation.replicas if observation.replicas is not None else serving
    replicas = min(max(size, policy.min_replicas), policy.max_replicas)
    decision = Decision(
        at=now,
        replicas=replicas,
        previous=serving,
        rule=Rule.BOUNDS,
        reason=Reason.ENOUGH,
        message=f"Held at {replicas} replicas.",
        why_not_more="",
        why_not_less="",
    )
    return decision, history
