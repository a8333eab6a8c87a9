"""The scheduler as a pure function of requests and steps."""

from array import array

from e2e.engine.core.kv_cache import KvCache
from e2e.engine.core.scheduler import Limits, Scheduler
from e2e.engine.core.sequence import Sequence
from e2e.engine.core.step_time import StepTime
from e2e.engine.core.text import tokenize
from hypothesis import given, settings
from hypothesis import strategies as st

_PACE = StepTime(0.001, 0.005, 30e-6, 0.05e-6, 1e-9)
_BLOCK = 16


def _scheduler(*, blocks: int = 1000, seqs: int = 8, tokens: int = 512, **limits: object) -> Scheduler:
    cache = KvCache(blocks=blocks, block_size=_BLOCK, prefix_caching=True)
    return Scheduler(Limits(max_num_seqs=seqs, max_num_batched_tokens=tokens, **limits), cache, _PACE)  # type: ignore[arg-type]


def _sequence(prompt: int, output: int, *, key: int = 0, **fields: object) -> Sequence:
    tokens = array("Q", ((key << 32) + position for position in range(prompt)))
    return Sequence(prompt=tokens, output_tokens=output, arrived=0.0, seed=key, **fields)  # type: ignore[arg-type]


def _run(scheduler: Scheduler, *, most: int = 100_000) -> tuple[int, float]:
    """Run to the end and return the number of steps and the time they took."""
    now = 0.0
    for steps in range(most):
        step = scheduler.plan(now)
        if step is None:
            return steps, now
        now += step.seconds
        scheduler.complete(step, now)
    raise AssertionError("the scheduler makes no progress")


def test_a_prompt_longer_than_a_step_is_computed_in_chunks() -> None:
    scheduler, sequence = _scheduler(tokens=100), _sequence(250, 1)
    scheduler.add(sequence)
    chunks = []
    while (step := scheduler.plan(0.0)) is not None:
        chunks.append(step.tokens)
        scheduler.complete(step, 0.0)

    assert chunks == [100, 100, 50]


def test_without_chunks_a_prompt_waits_for_a_step_of_its_own() -> None:
    scheduler = _scheduler(tokens=100, chunked_prefill=False)
    first, second = _sequence(60, 1, key=1), _sequence(60, 1, key=2)
    scheduler.add(first)
    scheduler.add(second)
    step = scheduler.plan(0.0)

    assert step is not None
    assert [sequence for sequence, _ in step.work] == [first]


def test_decoding_goes_before_new_prompts() -> None:
    scheduler = _scheduler(tokens=64)
    old = _sequence(32, 5, key=1)
    scheduler.add(old)
    first = scheduler.plan(0.0)
    assert first is not None
    scheduler.complete(first, 0.1)
    scheduler.add(_sequence(200, 5, key=2))
    step = scheduler.plan(0.1)

    assert step is not None
    assert [tokens for _, tokens in step.work] == [1, 63]


def test_no_more_sequences_run_than_allowed() -> None:
    scheduler = _scheduler(seqs=2)
    for key in range(5):
        scheduler.add(_sequence(10, 3, key=key))
    scheduler.plan(0.0)

    assert (len(scheduler.running), len(scheduler.waiting)) == (2, 3)


def test_a_repeated_prompt_finds_its_full_blocks_warm() -> None:
    scheduler = _scheduler()
    scheduler.add(_sequence(100, 2, key=7))
    _run(scheduler)
    again = _sequence(100, 2, key=7)
    scheduler.add(again)
    _run(scheduler)

    assert again.cached == 96
    assert (scheduler.counts.prefix_queries, scheduler.counts.prefix_hits) == (200, 96)


def test_a_prompt_is_never_wholly_cached_because_one_token_must_be_computed() -> None:
    scheduler = _scheduler()
    scheduler.add(_sequence(96, 1, key=7))
    _run(scheduler)
    again = _sequence(96, 1, key=7)
    scheduler.add(again)
    _run(scheduler)

    assert again.cached == 80


def test_an_answer_sent_back_is_found_warm() -> None:
    scheduler = _scheduler()
    first = _sequence(32, 33, key=3)
    scheduler.add(first)
    _run(scheduler)
    conversation = Sequence(prompt=first._tokens(0, 65), output_tokens=1, arrived=0.0)
    conversation.prompt.extend(tokenize("and then what happened?"))
    scheduler.add(conversation)
    _run(scheduler)

    assert conversation.cached == 64


def test_another_adapter_shares_no_blocks() -> None:
    scheduler = _scheduler()
    scheduler.add(_sequence(100, 2, key=7, adapter="a"))
    _run(scheduler)
    other = _sequence(100, 2, key=7, adapter="b")
    scheduler.add(other)
    _run(scheduler)

    assert other.cached == 0


def test_scarce_blocks_preempt_the_youngest_and_count_it_when_it_speaks_again() -> None:
    scheduler = _scheduler(blocks=9)
    old, young = _sequence(60, 40, key=1), _sequence(60, 40, key=2)
    scheduler.add(old)
    scheduler.add(young)
    while not young.preemptions:
        step = scheduler.plan(0.0)
        assert step is not None
        scheduler.complete(step, 0.0)

    assert (old.preemptions, young.unreported_preemptions) == (0, 1)
    assert list(scheduler.waiting) == [young]
    _run(scheduler)
    assert (old.generated, young.generated) == (40, 40)


def test_an_adapter_beyond_the_limit_is_deferred_and_others_pass_it() -> None:
    scheduler = _scheduler(max_loras=1)
    for adapter in ("a", "b", None):
        scheduler.add(_sequence(10, 3, key=hash(adapter) & 0xFF, adapter=adapter))
    scheduler.plan(0.0)

    assert [sequence.adapter for sequence in scheduler.running] == ["a", None]
    assert scheduler.deferred == 1


def test_a_priority_goes_before_what_came_earlier() -> None:
    scheduler = _scheduler(seqs=1, by_priority=True)
    scheduler.add(_sequence(10, 3, key=1, priority=5))
    scheduler.add(_sequence(10, 3, key=2, priority=1))
    scheduler.plan(0.0)

    assert [sequence.priority for sequence in scheduler.running] == [1]


def test_an_aborted_sequence_gives_its_blocks_back_at_once() -> None:
    scheduler, sequence = _scheduler(), _sequence(100, 50)
    scheduler.add(sequence)
    step = scheduler.plan(0.0)
    assert step is not None
    scheduler.abort(sequence)

    assert scheduler.complete(step, 0.1) == []
    assert (scheduler.unfinished, scheduler.cache.used) == (0, 0)


_WORK = st.lists(st.tuples(st.integers(1, 120), st.integers(1, 60), st.integers(0, 3)), min_size=1, max_size=12)


@given(work=_WORK, blocks=st.integers(13, 40), seqs=st.integers(1, 6), tokens=st.integers(8, 200))
@settings(max_examples=60, deadline=None)
def test_everything_finishes_and_no_block_is_lost(
    work: list[tuple[int, int, int]], blocks: int, seqs: int, tokens: int
) -> None:
    scheduler = _scheduler(blocks=blocks, seqs=seqs, tokens=max(tokens, seqs))
    sequences = [_sequence(prompt, output, key=key) for prompt, output, key in work]
    for sequence in sequences:
        scheduler.add(sequence)
    _run(scheduler)

    assert [sequence.generated for sequence in sequences] == [output for _, output, _ in work]
    assert (scheduler.cache.used, scheduler.unfinished) == (0, 0)


@given(work=_WORK)
@settings(max_examples=30, deadline=None)
def test_a_step_stays_within_its_budget_and_blocks_within_the_pool(work: list[tuple[int, int, int]]) -> None:
    scheduler = _scheduler(blocks=20, seqs=4, tokens=50)
    for prompt, output, key in work:
        scheduler.add(_sequence(prompt, output, key=key))
    while (step := scheduler.plan(0.0)) is not None:
        assert 0 < step.tokens <= 50
        assert 0 <= scheduler.cache.used <= scheduler.cache.capacity
        assert len(scheduler.running) <= 4
        scheduler.complete(step, 0.0)


@given(prompt=st.integers(1, 400), more=st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_a_longer_prompt_never_takes_less_time(prompt: int, more: int) -> None:
    times = []
    for length in (prompt, prompt + more):
        scheduler = _scheduler()
        scheduler.add(_sequence(length, 5))
        times.append(_run(scheduler)[1])

    assert times[0] <= times[1]
