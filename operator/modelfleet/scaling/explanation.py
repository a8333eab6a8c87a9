"""A decision in words: what moved, why not another size, which numbers, and what the conditions say."""

from modelfleet.scaling.decision import Condition, Decision, Input, Reason
from modelfleet.scaling.facts import Facts
from modelfleet.scaling.health import INERT_SECONDS, SignalProblem
from modelfleet.scaling.rules import Draft
from modelfleet.scaling.sizing import missed_share

_LIMITING = frozenset(
    {
        Reason.AT_MINIMUM,
        Reason.AT_MAXIMUM,
        Reason.BELOW_MINIMUM,
        Reason.ABOVE_MAXIMUM,
        Reason.SCALE_UP_RATE,
        Reason.UNSCHEDULABLE,
    }
)


def explained(draft: Draft, needed: Draft, facts: Facts) -> Decision:
    """Return the decision for the size of *draft*, of which *needed* is what the traffic asked for."""
    previous = facts.pods.size
    return Decision(
        at=facts.now,
        replicas=draft.replicas,
        previous=previous,
        rule=draft.rule,
        reason=draft.reason,
        message=f"{_movement(previous, draft.replicas)}: {draft.because}.",
        why_not_more=_why_not_more(draft, facts),
        why_not_less=_why_not_less(draft, needed, facts),
        inputs=_inputs(facts, needed),
        conditions=_conditions(draft, facts),
        advisory=facts.policy.advisory,
    )


def _movement(previous: int, replicas: int) -> str:
    if replicas == previous:
        return f"Held at {_replicas(replicas)}"
    return f"{'Raised' if replicas > previous else 'Lowered'} from {previous} to {_replicas(replicas)}"


def _replicas(count: int) -> str:
    return f"{count} replica" if count == 1 else f"{count} replicas"


def _why_not_more(draft: Draft, facts: Facts) -> str:
    if draft.replicas >= facts.policy.max_replicas:
        return f"{_replicas(facts.policy.max_replicas)} are the most."
    if draft.reason in (Reason.SIGNALS_MISSING, Reason.SUSPENDED, Reason.SCALE_UP_RATE, Reason.UNSCHEDULABLE):
        return f"{_sentence(draft.because)}."
    if facts.model is not None and draft.replicas > 0:
        return f"{_replicas(draft.replicas)} {_share(draft.replicas, facts)}."
    return "Nothing asks for more."


def _why_not_less(draft: Draft, needed: Draft, facts: Facts) -> str:
    if draft.replicas <= facts.policy.min_replicas:
        return f"{_replicas(facts.policy.min_replicas)} are the fewest."
    if draft.replicas > needed.replicas or facts.model is None or draft.replicas < 2:  # noqa: PLR2004 - one less is none
        return f"{_sentence(draft.because)}."
    return f"{_replicas(draft.replicas - 1)} {_share(draft.replicas - 1, facts)}."


def _share(replicas: int, facts: Facts) -> str:
    assert facts.model is not None  # noqa: S101 - callers asked
    share = missed_share(replicas, facts.model.outcomes, facts.model.curve)
    return f"would miss {100 * share:.1f} % of requests, {100 * facts.model.allowed_share:.0f} % may miss"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _inputs(facts: Facts, needed: Draft) -> tuple[Input, ...]:
    work, traffic, engine = facts.work, facts.work.traffic, facts.engine
    return (
        Input("needed", needed.replicas, "replicas"),
        Input("ready", len(facts.pods.ready), "pods"),
        Input("loading", len(facts.pods.loading) + facts.pods.missing, "pods"),
        Input("level", work.level, "replicas of work"),
        Input("now", work.came, "replicas of work"),
        Input("horizon", facts.horizon, "s"),
        Input("requests", traffic.request_rate, "1/s"),
        Input("promptTokens", traffic.prompt_rate, "1/s"),
        Input("generationTokens", traffic.generation_rate, "1/s"),
        Input("waiting", facts.reading_now.waiting, "requests"),
        Input("running", facts.reading_now.running, "requests"),
        Input("kvUsage", facts.reading_now.kv_usage, "caches"),
        Input("stepSeconds", engine.step_seconds, "s"),
        Input("secondsPerContextToken", engine.seconds_per_context_token, "s"),
        Input("secondsPerToken", engine.seconds_per_token, "s"),
    )


def _conditions(draft: Draft, facts: Facts) -> tuple[Condition, ...]:
    limited = draft.reason in _LIMITING
    found = [
        _active(facts),
        Condition(
            "ScalingLimited",
            "True" if limited else "False",
            draft.reason if limited else "WithinBounds",
            f"{_sentence(draft.because)}." if limited else "The size is what is needed.",
        ),
    ]
    if facts.model is not None and facts.model.unloaded_share > facts.model.allowed_share:
        found.append(_unattainable(facts))
    return tuple(found)


def _active(facts: Facts) -> Condition:
    if facts.policy.suspended:
        return Condition("ScalingActive", "False", Reason.SUSPENDED, "The size is left alone while `suspend` is true.")
    if not facts.health.problems:
        return Condition("ScalingActive", "True", "SignalsHealthy", f"{facts.health.serving} ready pods can be read.")
    name, problem = facts.health.problems[0]
    share = f"{len(facts.health.problems)} of {facts.health.serving} ready pods cannot be used, first {name}"
    since = facts.history.blind_since
    if facts.health.is_blind and since is not None and facts.now - since >= INERT_SECONDS:
        message = f"No page of a ready pod could be used for {facts.now - since:.0f} s: {_cause(facts, name, problem)}."
        return Condition("ScalingActive", "False", "Inert", message)
    return Condition("ScalingActive", "Unknown", problem, f"Metrics of {share}: {_cause(facts, name, problem)}.")


def _cause(facts: Facts, name: str, problem: SignalProblem) -> str:
    pod = next(pod for pod in facts.pods.ready if pod.name == name)
    if pod.scrape_error is not None and problem in (SignalProblem.MISSING, SignalProblem.STALE):
        return pod.scrape_error
    return _CAUSES[problem]


_CAUSES = {
    SignalProblem.MISSING: "no page was read yet",
    SignalProblem.STALE: "the last page is too old",
    SignalProblem.FROZEN: "requests run and no counter moves",
    SignalProblem.PARTIAL: "the page lacks vLLM's series for requests, KV cache or tokens",
    SignalProblem.INVALID: "a number on the page is not finite, is negative or is out of its range",
    SignalProblem.RESET: "its counters began again, so the next page counts",
}


def _unattainable(facts: Facts) -> Condition:
    assert facts.model is not None  # noqa: S101 - the caller asked
    engine, prompt = facts.engine, facts.model.replica.prompt_tokens
    first = engine.step_seconds + engine.seconds_per_token * prompt
    message = (
        f"A request alone on a replica gets its first token after {1000 * first:.0f} ms "
        f"({prompt:.0f} prompt tokens) and then one each {1000 * engine.step_seconds:.0f} ms: no size meets `slo`, "
        "so `targets` decide."
    )
    return Condition("SloAttainable", "False", "EngineTooSlow", message)
