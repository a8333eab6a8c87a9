"""From an observation to a decision: the facts, the rules in their order, the words, and what is learned."""

from modelfleet.scaling.decision import Decision, Reason, Rule
from modelfleet.scaling.explanation import explained
from modelfleet.scaling.facts import Facts, facts_of
from modelfleet.scaling.history import History
from modelfleet.scaling.learning import learned
from modelfleet.scaling.observation import Observation
from modelfleet.scaling.policy import ScalingPolicy
from modelfleet.scaling.rules import MOVE_RULES, NEED_RULES, Draft, held_size


def decide(policy: ScalingPolicy, observation: Observation, history: History, now: float) -> tuple[Decision, History]:
    """
    Return the size the fleet should have, and what to remember for the next decision.

    The same four arguments give the same answer, bit for bit. *now* is the time of the decision, at or after
    `observation.at`, in Unix seconds. Never raises for what was observed.
    """
    facts = facts_of(policy, observation, history.at(now, interval=policy.interval_seconds), now)
    draft = needed = _needed(facts)
    for rule in MOVE_RULES:
        draft = rule(draft, facts)
    return explained(draft, needed, facts), learned(facts, needed=needed.replicas, decided=draft.replicas)


def _needed(facts: Facts) -> Draft:
    held = held_size(facts)
    draft = Draft(held, Rule.HEALTH, Reason.ENOUGH, "nothing is known yet")
    for rule in NEED_RULES:
        draft = rule(draft, facts)
    return draft
