"""
The size of a fleet: from what is seen of its pods to how many there should be, and why.

Nothing here knows Kubernetes, a clock or a network, so that an operator, a replay and a simulator drive the same code:

    history = History()
    while True:
        decision, history = decide(policy, observe(), history, now())
"""

from modelfleet.scaling.chain import decide
from modelfleet.scaling.decision import Condition, Decision, Input, Reason, Rule
from modelfleet.scaling.history import History
from modelfleet.scaling.observation import Counters, HeldRequests, NotReady, Observation, PodObservation
from modelfleet.scaling.policy import ScalingPolicy, ScheduleWindow, Slo, Targets

__all__ = [
    "Condition",
    "Counters",
    "Decision",
    "HeldRequests",
    "History",
    "Input",
    "NotReady",
    "Observation",
    "PodObservation",
    "Reason",
    "Rule",
    "ScalingPolicy",
    "ScheduleWindow",
    "Slo",
    "Targets",
    "decide",
]
