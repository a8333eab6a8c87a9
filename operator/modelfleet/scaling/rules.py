"""The rules that make a size, in their order: each takes the size so far and the facts, and returns the next."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from modelfleet.scaling import rates, sleep
from modelfleet.scaling.decision import Reason, Rule
from modelfleet.scaling.facts import Facts, Model
from modelfleet.scaling.rates import Need
from modelfleet.scaling.schedule import scheduled
from modelfleet.scaling.sizing import smallest_size

CALM = 0.5
"""A smaller size must miss this share of what may be missed, so that noise around a bound does not move the fleet."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The size so far, the rule that made it, and how the rule says so."""

    replicas: int
    rule: Rule
    reason: Reason
    because: str
    """The second half of the sentence: `Raised from 2 to 3 replicas: <because>.`"""
    is_final: bool = False
    """Later rules do not apply, except for the bounds."""


def held_size(facts: Facts) -> int:
    """Return the size the fleet has, within the bounds: what a rule holds, it holds there."""
    return min(max(facts.pods.size, facts.policy.min_replicas), facts.policy.max_replicas)


def health(draft: Draft, facts: Facts) -> Draft:
    """Hold the size while nothing is known, or while the owner says so."""
    if facts.policy.suspended:
        return replace(draft, reason=Reason.SUSPENDED, because="`suspend` is true", is_final=True)
    if facts.health.is_blind:
        name, problem = facts.health.problems[0]
        because = f"no metrics of {facts.health.serving} ready pods can be used ({problem} at {name})"
        return replace(draft, reason=Reason.SIGNALS_MISSING, because=because, is_final=True)
    if not facts.pods.ready and facts.pods.size:
        return replace(draft, reason=Reason.OBSERVING, because="no pod is ready that could say more", is_final=True)
    return draft


def size(draft: Draft, facts: Facts) -> Draft:
    """Take the smallest size that carries the work that may come, where there is an objective."""
    model = facts.model
    if draft.is_final or model is None:
        return replace(draft, replicas=draft.replicas if draft.is_final else 0)
    if model.unloaded_share > model.allowed_share:
        return replace(draft, replicas=0)
    needed = _smallest(model, facts, allowed_share=model.allowed_share, near=facts.pods.size)
    if needed < facts.pods.size:
        calm = _smallest(model, facts, allowed_share=CALM * model.allowed_share, near=needed)
        needed = min(calm, facts.pods.size)
    because = (
        f"{facts.work.level:.2f} replicas of work arrive, and the forecast for {facts.horizon:.0f} s needs {needed}"
    )
    return Draft(needed, Rule.SIZE, _direction(needed, facts), because)


def _smallest(model: Model, facts: Facts, *, allowed_share: float, near: int) -> int:
    return smallest_size(
        model.outcomes, model.curve, allowed_share=allowed_share, at_most=facts.policy.max_replicas, near=near
    )


def queue(draft: Draft, facts: Facts) -> Draft:
    """Take more where requests wait, or fill the batches."""
    needed = min(facts.reading.queue_size(facts.policy), _most_for_queue(facts))
    if draft.is_final or needed <= draft.replicas:
        return draft
    target = facts.policy.targets.queue_depth_per_replica
    because = (
        f"{facts.reading.waiting:.0f} requests wait and {facts.reading.running:.0f} run, {target} may wait a replica"
    )
    reason = Reason.QUEUE_TOO_DEEP if needed > facts.pods.size else _direction(needed, facts)
    return Draft(needed, Rule.QUEUE, reason, because)


def _most_for_queue(facts: Facts) -> int:
    """
    Return what the queue may ask for at most.

    It grows for as long as pods load, and asking for more each time would end at the largest size. So it asks for no
    more than was ordered while some of that loads; twice the pods that work is what a queue with the gateway's limits
    asks for anyway. Where there is an objective the model knows how much work waits: then the queue never asks for
    more than twice, and for nothing new while it falls.
    """
    twice, size = 2 * len(facts.pods.ready), facts.pods.size - len(facts.pods.broken)
    if facts.model is not None:
        before = facts.history.reading
        return size if before is not None and facts.reading_now.waiting < before.waiting else twice
    return max(size, twice) if size > len(facts.pods.ready) else facts.policy.max_replicas


def kv_cache(draft: Draft, facts: Facts) -> Draft:
    """Take more where the KV cache is full."""
    needed = facts.reading.kv_size(facts.policy)
    if needed < len(facts.pods.ready):
        needed = facts.reading.lower_kv_size(facts.policy, ready=len(facts.pods.ready), work=facts.work.level)
    if draft.is_final or needed <= draft.replicas:
        return draft
    target = facts.policy.targets.kv_cache_percent
    because = f"KV caches are used to {100 * facts.reading.kv_usage:.0f} % of one, {target} % is the target for each"
    reason = Reason.KV_CACHE_FULL if needed > facts.pods.size else _direction(needed, facts)
    return Draft(needed, Rule.KV_CACHE, reason, because)


def pods(draft: Draft, facts: Facts) -> Draft:
    """Order another for a pod that does not work, and none while there is no node for those ordered."""
    if draft.is_final:
        return draft
    replaced = facts.pods.replaceable
    if replaced:
        because = f"{draft.because}, and {replaced} pods do not start"
        draft = replace(draft, replicas=draft.replicas + replaced, because=because)
    if draft.replicas > facts.pods.size and facts.pods.has_no_node(facts.now):
        because = f"{len(facts.pods.unschedulable)} pods have no node, so no more are ordered ({draft.because})"
        return Draft(facts.pods.size, Rule.SIZE, Reason.UNSCHEDULABLE, because)
    return draft


def schedule(draft: Draft, facts: Facts) -> Draft:
    """Take what a window asks for, from one cold start before it begins."""
    window = scheduled(facts.policy.schedule, now=facts.now, horizon=facts.horizon)
    if window is None or window.min_replicas <= draft.replicas or facts.policy.suspended:
        return draft
    begins_in = window.begins_at - facts.now
    when = f"begins in {begins_in:.0f} s" if begins_in > 0 else f"ends in {window.ends_at - facts.now:.0f} s"
    because = f"a window that {when} asks for {window.min_replicas}"
    return Draft(window.min_replicas, Rule.SCHEDULE, Reason.SCHEDULED, because)


def bounds(draft: Draft, facts: Facts) -> Draft:
    """Keep within the policy's smallest and largest size; a fleet that may sleep has one replica while it does not."""
    smallest, largest = max(facts.policy.min_replicas, 1), facts.policy.max_replicas
    if draft.replicas < smallest:
        reason = Reason.BELOW_MINIMUM if facts.pods.size < smallest else Reason.AT_MINIMUM
        return replace(
            draft, replicas=smallest, rule=Rule.BOUNDS, reason=reason, because=f"{smallest} is the smallest size"
        )
    if draft.replicas > largest:
        reason = Reason.ABOVE_MAXIMUM if facts.pods.size > largest else Reason.AT_MAXIMUM
        because = f"{largest} is the largest size, {draft.replicas} would be needed: {draft.because}"
        return replace(draft, replicas=largest, rule=Rule.BOUNDS, reason=reason, because=because)
    return draft


def stabilization(draft: Draft, facts: Facts) -> Draft:
    """Lower the size only to what was needed at most for a while, all of it observed by us."""
    held = held_size(facts)
    if draft.is_final or draft.replicas >= held:
        return draft
    if not facts.health.is_complete:
        name, problem = facts.health.problems[0]
        because = f"the metrics of {name} cannot be used ({problem}), so nothing is lowered"
        return Draft(held, Rule.HEALTH, Reason.SIGNALS_MISSING, because)
    window = facts.policy.scale_down_stabilization_seconds
    begun = facts.history.begun_at if facts.history.begun_at is not None else facts.now
    if facts.now - begun < window:
        left = window - (facts.now - begun)
        because = f"{draft.replicas} would do, but the first {window:.0f} s of observation end in {left:.0f} s"
        return Draft(held, Rule.STABILIZATION, Reason.OBSERVING, because)
    need = rates.largest(rates.with_need(facts.history.needs, Need(facts.now, draft.replicas), seconds=window))
    if need.replicas <= draft.replicas:
        return draft
    replicas = min(need.replicas, held)
    left = window - (facts.now - need.at)
    ago = facts.now - need.at
    because = (
        f"{draft.replicas} would do, {need.replicas} were needed {ago:.0f} s ago, which counts for {left:.0f} s more"
    )
    return Draft(replicas, Rule.STABILIZATION, Reason.STABILIZING, because)


def rate(draft: Draft, facts: Facts) -> Draft:
    """Change the size in steps."""
    held = held_size(facts)
    sizes = rates.with_size(facts.history.sizes, Need(facts.now, held))
    highest = max(rates.highest_step(sizes, facts.policy), facts.policy.min_replicas)
    lowest = min(rates.lowest_step(sizes, facts.policy), held)
    if draft.replicas > max(highest, held):
        because = (
            f"{draft.replicas} are needed, at most {facts.policy.scale_up_percent_per_minute} % a minute are added"
        )
        return Draft(max(highest, held), Rule.RATE, Reason.SCALE_UP_RATE, because)
    if draft.replicas < lowest:
        because = (
            f"{draft.replicas} would do, at most {facts.policy.scale_down_percent_per_minute} % a minute are taken"
        )
        return Draft(lowest, Rule.RATE, Reason.SCALE_DOWN_RATE, because)
    return draft


def asleep(draft: Draft, facts: Facts) -> Draft:
    """Stay asleep until the first request, and go to sleep after a quiet time."""
    policy = facts.policy
    if policy.min_replicas > 0 or policy.suspended:
        return draft
    if not facts.pods.size:
        return _while_asleep(draft, facts)
    if policy.idle_seconds is None or sleep.is_demanded(facts.observation.held, facts.now):
        return draft
    return _while_awake(draft, facts, facts.now - quiet_since(facts), policy.idle_seconds)


def _while_asleep(draft: Draft, facts: Facts) -> Draft:
    held = facts.observation.held
    if not sleep.is_demanded(held, facts.now):
        return Draft(0, Rule.SLEEP, Reason.ASLEEP, "nobody asks for it")
    because = f"{held.requests if held else 0} requests are held for it"
    return Draft(max(1, draft.replicas), Rule.SLEEP, Reason.WOKEN_BY_REQUESTS, because)


def _while_awake(draft: Draft, facts: Facts, quiet_seconds: float, idle_seconds: float) -> Draft:
    if quiet_seconds < idle_seconds:
        return draft
    held = facts.observation.held
    if facts.health.problems or (held is not None and not held.is_complete):
        because = "whether there are requests is not known, so it stays awake"
        return Draft(max(draft.replicas, held_size(facts)), Rule.SLEEP, Reason.QUIET_UNKNOWN, because)
    return Draft(0, Rule.SLEEP, Reason.IDLE, f"no request came for {quiet_seconds:.0f} s")


def quiet_since(facts: Facts) -> float:
    """Return since when nothing happened."""
    return (
        sleep.quiet_at(
            facts.history.quiet,
            tuple(sorted(facts.observation.pods, key=lambda pod: pod.name)),
            facts.memories,
            now=facts.now,
            held=facts.observation.held,
            start_up_seconds=facts.policy.start_up_seconds,
        ).since
        or facts.now
    )


def _direction(needed: int, facts: Facts) -> Reason:
    if needed == facts.pods.size:
        return Reason.ENOUGH
    return Reason.MORE_TRAFFIC if needed > facts.pods.size else Reason.LESS_TRAFFIC


NEED_RULES: tuple[Callable[[Draft, Facts], Draft], ...] = (
    health,  # nothing known: hold
    size,  # the model, where there is an objective
    queue,  # guards: what users know and set
    kv_cache,
    pods,  # pods that never come are no capacity, and no reason for more
    schedule,  # what is known to come
    bounds,
)
"""What is needed; the stabilization remembers its result."""
MOVE_RULES: tuple[Callable[[Draft, Facts], Draft], ...] = (
    stabilization,  # downwards only to what was enough for a while
    rate,  # in steps
    asleep,
)
"""How the fleet gets there."""
