"""
The scheduler: which sequences advance in the next step, and what a finished step changes.

Running sequences go first, in their order; then waiting ones are admitted while tokens, seats and blocks last. A
running sequence that needs a block when none is free takes those of the last one, which loses all it has computed and
goes back to the head of the queue. A step that preempted admits nobody.
"""

from collections import deque
from dataclasses import dataclass, field

from e2e.engine.core.kv_cache import KvCache
from e2e.engine.core.sequence import Sequence
from e2e.engine.core.step_time import StepTime


@dataclass(frozen=True, slots=True)
class Limits:
    """What the command line allows in one step."""

    max_num_seqs: int
    max_num_batched_tokens: int
    chunked_prefill: bool = True
    long_prefill_token_threshold: int = 0
    max_loras: int | None = None
    by_priority: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The tokens each sequence computes in one step, and how long that takes."""

    work: tuple[tuple[Sequence, int], ...]
    seconds: float

    @property
    def tokens(self) -> int:
        """All tokens of the step."""
        return sum(tokens for _, tokens in self.work)


@dataclass(frozen=True, slots=True)
class Advance:
    """One token that a sequence generated; *gap_seconds* is the time since its previous one, None for the first."""

    sequence: Sequence
    gap_seconds: float | None
    finished: bool


@dataclass(slots=True)
class Counts:
    """What is counted at admission, since the last time somebody took the counts."""

    prefix_queries: int = 0
    prefix_hits: int = 0


@dataclass(slots=True)
class Scheduler:
    """The state of one engine: who runs, who waits, what is cached."""

    limits: Limits
    cache: KvCache
    pace: StepTime
    running: list[Sequence] = field(default_factory=list)
    waiting: deque[Sequence] = field(default_factory=deque)
    deferred: int = 0
    counts: Counts = field(default_factory=Counts)

    @property
    def unfinished(self) -> int:
        """Sequences that run or wait."""
        return len(self.running) + len(self.waiting)

    def add(self, sequence: Sequence) -> None:
        """Queue *sequence* behind those of its priority."""
        self.waiting.append(sequence)
        if self.limits.by_priority:
            self.waiting = deque(sorted(self.waiting, key=lambda s: (s.priority, s.arrived)))

    def abort(self, sequence: Sequence) -> None:
        """Forget *sequence* at once, wherever it is; a step under way ignores it."""
        if sequence.done:
            return
        if sequence in self.running:
            self.running.remove(sequence)
        else:
            self.waiting.remove(sequence)
        self._finish(sequence)

    def plan(self, now: float) -> Step | None:
        """Reserve the blocks of the next step, starting at *now*, and return it; None when there is nothing to do."""
        work: dict[Sequence, int] = {}
        self.deferred = 0
        preempted = self._plan_running(work)
        if not preempted:
            self._admit(work, now)
        return self._step(work) if work else None

    def complete(self, step: Step, now: float) -> list[Advance]:
        """Apply *step*, which ended at *now*, and return the tokens it generated."""
        advances = []
        for sequence, tokens in step.work:
            if sequence.done:
                continue
            sequence.computed += tokens
            self._seal(sequence)
            if not sequence.missing:
                advances.append(self._generate(sequence, now))
        if any(advance.finished for advance in advances):
            self.running = [sequence for sequence in self.running if not sequence.done]
        return advances

    def _plan_running(self, work: dict[Sequence, int]) -> bool:
        budget = self.limits.max_num_batched_tokens
        preempted = False
        index = 0
        while index < len(self.running) and budget > 0:
            sequence = self.running[index]
            tokens = min(self._chunk(sequence.missing), budget)
            while not self.cache.extend(sequence.lease, tokens=sequence.computed + tokens):
                preempted = True
                victim = self._victim()
                budget += work.pop(victim, 0)
                index -= self.running.index(victim) < index
                self._preempt(victim)
                if victim is sequence:
                    return True
            work[sequence] = tokens
            budget -= tokens
            index += 1
        return preempted

    def _admit(self, work: dict[Sequence, int], now: float) -> None:
        budget = self.limits.max_num_batched_tokens - sum(work.values())
        adapters: set[str | None] = {sequence.adapter for sequence in self.running if sequence.adapter}
        skipped: list[Sequence] = []
        while self.waiting and budget > 0 and len(self.running) < self.limits.max_num_seqs:
            sequence = self.waiting.popleft()
            if self._must_wait_for_adapter(sequence, adapters):
                skipped.append(sequence)
                continue
            tokens = self._admitted_tokens(sequence, budget=budget)
            if tokens is None:
                self.waiting.appendleft(sequence)
                break
            sequence.first_scheduled = now if sequence.first_scheduled is None else sequence.first_scheduled
            self.running.append(sequence)
            work[sequence] = tokens
            budget -= tokens
            adapters |= {sequence.adapter} - {None}
        self.deferred = len(skipped)
        self.waiting.extendleft(reversed(skipped))

    def _must_wait_for_adapter(self, sequence: Sequence, active: set[str | None]) -> bool:
        most = self.limits.max_loras
        return bool(sequence.adapter and most and sequence.adapter not in active and len(active) >= most)

    def _admitted_tokens(self, sequence: Sequence, *, budget: int) -> int | None:
        """Take the blocks of the first chunk of *sequence* and return its length; None when it does not fit now."""
        size = self.cache.block_size
        hashes = sequence.block_hashes((sequence.length - 1) // size, block_size=size)
        warm = hashes[: self.cache.warm_blocks(hashes)]
        cached = len(warm) * size
        tokens = self._chunk(sequence.length - cached)
        if not self.limits.chunked_prefill and tokens > budget:
            return None
        if self.cache.blocks_needed(sequence.lease, warm=warm, tokens=sequence.length) > self.cache.free:
            return None
        tokens = min(tokens, budget)
        self.cache.extend(sequence.lease, tokens=cached + tokens, warm=warm)
        if not sequence.preemptions:
            self._count_prefix(sequence, cached)
        sequence.computed, sequence.sealed = cached, len(warm)
        return tokens

    def _count_prefix(self, sequence: Sequence, cached: int) -> None:
        sequence.cached = cached
        if self.cache.prefix_caching:
            self.counts.prefix_queries += sequence.length
            self.counts.prefix_hits += cached

    def _chunk(self, tokens: int) -> int:
        threshold = self.limits.long_prefill_token_threshold
        return min(tokens, threshold) if threshold > 0 else tokens

    def _victim(self) -> Sequence:
        if self.limits.by_priority:
            return max(self.running, key=lambda sequence: (sequence.priority, sequence.arrived))
        return self.running[-1]

    def _preempt(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self.cache.release(sequence.lease)
        sequence.computed = sequence.sealed = 0
        sequence.preemptions += 1
        sequence.unreported_preemptions += 1
        self.waiting.appendleft(sequence)

    def _step(self, work: dict[Sequence, int]) -> Step:
        kv_tokens = sum(sequence.computed for sequence in work)
        chunks = [(tokens, sequence.computed) for sequence, tokens in work.items() if tokens > 1]
        seconds = self.pace.seconds(tokens=sum(work.values()), kv_tokens=kv_tokens, chunks=chunks)
        return Step(work=tuple(work.items()), seconds=seconds)

    def _seal(self, sequence: Sequence) -> None:
        size = self.cache.block_size
        full = sequence.computed // size
        if full == sequence.sealed or not self.cache.prefix_caching:
            return
        for content in sequence.block_hashes(full, block_size=size)[sequence.sealed :]:
            self.cache.seal(sequence.lease, content)
        sequence.sealed = full

    def _generate(self, sequence: Sequence, now: float) -> Advance:
        gap = None if sequence.last_token is None else now - sequence.last_token
        sequence.generated += 1
        sequence.first_token = now if sequence.first_token is None else sequence.first_token
        sequence.last_token = now
        finished = sequence.generated >= sequence.output_tokens
        if finished:
            self._finish(sequence)
        return Advance(sequence=sequence, gap_seconds=gap, finished=finished)

    def _finish(self, sequence: Sequence) -> None:
        sequence.done = True
        self.cache.release(sequence.lease)
