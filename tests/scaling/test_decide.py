"""What holds for every decision, whatever was seen."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scaling.fleets import BEGIN, PROMPT, Fleet, page, policy

from modelfleet.scaling import (
    Counters,
    Decision,
    HeldRequests,
    History,
    NotReady,
    Observation,
    PodObservation,
    ScalingPolicy,
    decide,
)

WEIRD = st.one_of(st.none(), st.just(float("nan")), st.just(float("inf")), st.floats(-10.0, 1e9))


@st.composite
def counters(draw: st.DrawFn) -> Counters:
    names = [name for name in Counters.__dataclass_fields__ if name not in ("at", "time_to_first_token_buckets")]
    changed = draw(st.dictionaries(st.sampled_from(names), WEIRD, max_size=4))
    found: Counters = replace(page(BEGIN + draw(st.floats(-120.0, 120.0))), **changed)  # type: ignore[arg-type] # fields by name
    return found


@st.composite
def pods(draw: st.DrawFn) -> tuple[PodObservation, ...]:
    def pod(index: int) -> PodObservation:
        ready = draw(st.booleans())
        return PodObservation(
            name=f"pod-{index}",
            created=BEGIN - draw(st.floats(0.0, 3600.0)),
            ready_at=BEGIN - 10.0 if ready else None,
            not_ready=None if ready else draw(st.sampled_from([None, *NotReady])),
            draining=draw(st.booleans()),
            terminating=draw(st.booleans()),
            counters=draw(st.one_of(st.none(), counters())),
        )

    return tuple(pod(index) for index in range(draw(st.integers(0, 6))))


@st.composite
def policies(draw: st.DrawFn) -> ScalingPolicy:
    smallest = draw(st.integers(0, 5))
    return policy(
        min_replicas=smallest,
        max_replicas=max(1, smallest + draw(st.integers(0, 10))),
        idle_seconds=30.0 if smallest == 0 else None,
        slo=draw(st.sampled_from([None, policy().slo])),
        suspended=draw(st.booleans()),
    )


@settings(max_examples=60, deadline=None)
@given(policies(), st.lists(pods(), min_size=1, max_size=4), st.one_of(st.none(), st.integers(0, 30)))
def test_no_observation_raises_or_leads_out_of_the_bounds(
    asked: ScalingPolicy, seen: list[tuple[PodObservation, ...]], replicas: int | None
) -> None:
    history = History()
    for index, found in enumerate(seen):
        at = BEGIN + 5.0 * index
        observation = Observation(at=at, pods=found, replicas=replicas, held=HeldRequests(requests=index % 2))
        decision, history = decide(asked, observation, history, at)

        assert asked.min_replicas <= decision.replicas <= asked.max_replicas
        assert json.dumps(history.to_json(), allow_nan=False)


WARM = Fleet(size=4, noise=0.3).run(600, 2.0)


def more_loaded(pod: PodObservation, requests: float, waiting: float) -> PodObservation:
    seen = pod.counters
    if seen is None:
        return pod
    counters = replace(
        seen,
        at=seen.at + 5.0,
        waiting=(seen.waiting or 0.0) + waiting,
        kv_usage=min(1.0, (seen.kv_usage or 0.0) + 0.002 * requests),
        prompt_tokens=(seen.prompt_tokens or 0.0) + requests * PROMPT,
        generation_tokens=(seen.generation_tokens or 0.0) + requests * 250.0,
        finished_requests=(seen.finished_requests or 0.0) + requests,
        time_to_first_token_count=(seen.time_to_first_token_count or 0.0) + requests,
    )
    return replace(pod, counters=counters)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 80.0), st.floats(0.0, 20.0), st.floats(0.0, 40.0), st.floats(0.0, 40.0), st.booleans())
def test_more_load_never_gives_fewer_replicas(
    requests: float, waiting: float, more_requests: float, more_waiting: float, has_slo: bool
) -> None:
    asked = policy() if has_slo else policy(slo=None)

    def size(requests: float, waiting: float) -> int:
        seen = WARM.observed()
        loaded = tuple(more_loaded(pod, requests, waiting) for pod in seen.pods)
        now = WARM.now + 5.0
        return decide(asked, replace(seen, at=now, pods=loaded), WARM.history, now)[0].replicas

    assert size(requests + more_requests, waiting + more_waiting) >= size(requests, waiting)


@given(st.permutations(range(len(WARM.pods))))
def test_the_order_of_pods_does_not_matter(order: list[int]) -> None:
    seen = WARM.observed()
    loaded = [more_loaded(pod, 10.0 * index + 1 / 3, 1.1 * index) for index, pod in enumerate(seen.pods)]
    now = WARM.now + 5.0
    straight = decide(policy(), replace(seen, at=now, pods=tuple(loaded)), WARM.history, now)
    turned = decide(policy(), replace(seen, at=now, pods=tuple(loaded[i] for i in order)), WARM.history, now)

    assert turned == straight


def test_a_history_that_went_through_json_decides_the_same_bit_for_bit() -> None:
    straight, saved = (Fleet(size=3, noise=0.3) for _ in range(2))
    decisions: list[tuple[Decision, Decision]] = []
    for _ in range(120):
        straight.run(5, 2.0)
        saved.run(5, 2.0)
        saved.history = History.from_json(json.loads(json.dumps(saved.history.to_json())))
        decisions.append((straight.last, saved.last))

    assert all(one == other for one, other in decisions)


def test_what_is_remembered_does_not_grow_for_ever() -> None:
    # With an interval of a minute three hours fill everything that is kept.
    fleet = Fleet(size=3, noise=0.3, policy=policy(interval_seconds=60.0)).run(3 * 3600, 2.0)
    early = len(json.dumps(fleet.history.to_json()))
    fleet.run(3 * 3600, 2.0)

    assert len(json.dumps(fleet.history.to_json())) < 1.2 * early < 60_000


def test_an_advice_says_the_size_and_changes_nothing() -> None:
    fleet = Fleet(size=1, policy=policy(advisory=True)).run(60, 0.9)

    assert fleet.last.advisory
    assert not fleet.last.changes_size


def test_every_decision_says_why_and_why_not_another_size() -> None:
    for decision in Fleet(size=2, noise=0.3).run(600, 3.0).decisions:
        assert decision.message.endswith(".")
        assert decision.why_not_more.endswith(".")
        assert decision.why_not_less.endswith(".")
