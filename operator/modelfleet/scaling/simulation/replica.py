"""
One engine: continuous batching, chunked prefill, KV blocks, preemption, and a prefix cache.

The scheduler is vLLM's: a step decodes one token of every running sequence and fills the rest of its token budget with
chunks of prompts, first come first served; a prompt is admitted when there are blocks for all of it; when a block is
missing for decoding, the sequence admitted last goes back to the front of the queue and is computed again.

Steps that only decode are not run one by one. While nothing arrives or ends, R sequences decode, and step k (from 0)
lasts `A + d·R·k`, with `A = t0 + sqrt(w² + (g·R)²) + d·K`. So k steps last `k·A + d·R·k(k−1)/2`, which is also solved
for k: a *run* of steps costs as much as one step. A run ends with the first sequence that finishes, when the blocks
run out, or at the end of the step in which a request arrives that can be admitted.
"""

import heapq
import math
from collections import deque

from modelfleet.scaling.simulation.kv_blocks import MASK, KvBlocks, blocks_of
from modelfleet.scaling.simulation.prefixes import Prefixes
from modelfleet.scaling.simulation.profile import EngineProfile
from modelfleet.scaling.simulation.request import Sequence
from modelfleet.scaling.simulation.totals import Totals

NEVER = math.inf


class Replica:
    """The engine of one pod. Whoever drives it calls `advance` at `due`, and before that nothing changes by itself."""

    __slots__ = (
        "begun",
        "chunks",
        "due",
        "finishing",
        "first_step_seconds",
        "kv",
        "outstanding",
        "prefilling",
        "prefixes",
        "profile",
        "running",
        "serial",
        "steps",
        "tick",
        "totals",
        "waiting",
    )

    def __init__(self, profile: EngineProfile) -> None:
        self.profile = profile
        self.kv = KvBlocks(profile.kv_blocks)
        self.prefixes = Prefixes(profile.kv_tokens // 2)
        self.totals = Totals()
        self.waiting: deque[Sequence] = deque()
        self.running: dict[Sequence, None] = {}
        """In the order of admission."""
        self.prefilling: list[Sequence] = []
        self.finishing: list[tuple[int, int, int, Sequence]] = []
        """(tick at which it finishes, serial number, epoch, sequence); the first one is never out of date."""
        self.chunks: list[tuple[Sequence, int]] = []
        """Chunks of prompts in the step that runs; without any it is a run of decoding steps."""
        self.outstanding = 0
        """Requests that it has, waiting or running."""
        self.tick = 0
        """Steps done."""
        self.steps = 0
        """Steps of the run."""
        self.begun = 0.0
        self.first_step_seconds = 0.0
        self.due = NEVER
        self.serial = 0

    def submit(self, sequence: Sequence, now: float) -> None:
        """Take a request; `due` may become earlier."""
        sequence.arrived = now
        self.waiting.append(sequence)
        self.outstanding += 1
        if self.due == NEVER:
            self._begin(now)
        elif not self.chunks and len(self.waiting) == 1 and self._is_admissible(sequence):
            self._cut(now)

    def advance(self) -> list[Sequence]:
        """End the step or the run that is due, begin the next, and return what finished."""
        now = self.due
        if self.chunks:
            self._end_step(now)
        else:
            self._end_run(now)
        finished = self._finished(now)
        self._begin(now)
        return finished

    def steps_done(self, now: float) -> int:
        """Return how many steps of the run are complete at *now*; 0 in a step with prompts."""
        if self.chunks or self.due == NEVER:
            return 0
        growth = self.profile.seconds_per_kv_token * self.kv.decoding
        linear = self.first_step_seconds - growth / 2
        elapsed = now - self.begun
        return min(self.steps, int(2 * elapsed / (linear + math.sqrt(linear * linear + 2 * growth * elapsed))))

    def run_seconds(self, steps: int) -> float:
        """Return how long the first *steps* steps of the run take."""
        growth = self.profile.seconds_per_kv_token * self.kv.decoding
        return steps * self.first_step_seconds + growth * (steps * (steps - 1) / 2)

    def _cut(self, now: float) -> None:
        """End the run with the step that is under way at *now*."""
        steps = self.steps_done(now) + 1
        if steps < self.steps:
            self.steps = steps
            self.due = self.begun + self.run_seconds(steps)

    def _begin(self, now: float) -> None:
        """Begin a step with chunks of prompts if there are any, else a run, else nothing."""
        kv, profile = self.kv, self.profile
        is_full = self._make_room(now)
        self.begun = now
        decoding = kv.decoding
        if self.prefilling or (self.waiting and not is_full):
            tokens, attended = self._schedule(is_full=is_full)
            if self.chunks:
                tokens += decoding
                self.due = now + profile.step_seconds(tokens=tokens, kv_tokens=kv.tokens, attended=attended)
                return
        if not decoding:
            self.due = NEVER
            return
        self.first_step_seconds = profile.step_seconds(tokens=decoding, kv_tokens=kv.tokens)
        self.steps = kv.steps_left(self.tick, self.finishing[0][0] - self.tick)
        self.due = now + self.run_seconds(self.steps)

    def _schedule(self, *, is_full: bool) -> tuple[int, float]:
        """Fill the step's budget with chunks; return their tokens and what they attend to."""
        budget = self.profile.tokens_per_step - self.kv.decoding
        chunks = self.chunks
        tokens, attended = 0, 0.0
        admitted = 0
        while budget > 0:
            if admitted < len(self.prefilling):
                sequence = self.prefilling[admitted]
            elif not is_full and self.waiting and self._is_admissible(self.waiting[0]):
                sequence = self._admit()
            else:
                break
            admitted += 1
            chunk = min(budget, sequence.left)
            context = sequence.size - sequence.left
            chunks.append((sequence, chunk))
            attended += chunk * (context + chunk / 2)
            tokens += chunk
            budget -= chunk
        return tokens, attended

    def _is_admissible(self, sequence: Sequence) -> bool:
        if len(self.running) >= self.profile.sequences:
            return False
        return self.kv.has_room(self.tick, 1, blocks_of(sequence.size))

    def _admit(self) -> Sequence:
        sequence = self.waiting.popleft()
        self.running[sequence] = None
        self.prefilling.append(sequence)
        self.kv.reserved += blocks_of(sequence.size)
        sequence.hit = self.prefixes.hit(sequence.request)
        sequence.left = sequence.size - sequence.hit
        return sequence

    def _end_run(self, now: float) -> None:
        """Let everything that decodes grow by the run's steps."""
        kv, steps = self.kv, self.steps
        grown = kv.decoding * steps
        self.tick += steps
        kv.tokens += grown
        self.totals.decoded(grown, steps=steps, seconds=kv.decoding * (now - self.begun))

    def _end_step(self, now: float) -> None:
        """Let everything that decodes grow by a token, and the prompts by their chunks."""
        kv = self.kv
        self.tick += 1
        kv.tokens += kv.decoding
        self.totals.decoded(kv.decoding, steps=1, seconds=kv.decoding * (now - self.begun))
        done = 0
        for sequence, chunk in self.chunks:
            sequence.left -= chunk
            if not sequence.left:
                self._start_decoding(sequence, now)
                done += 1
        self.chunks.clear()
        if done:
            del self.prefilling[:done]  # all but the last chunk complete their prompt, so they are the first ones

    def _start_decoding(self, sequence: Sequence, now: float) -> None:
        """Note its first token, or after a preemption its next one."""
        kv, request, size = self.kv, sequence.request, sequence.size
        kv.reserved -= blocks_of(size)
        kv.tokens += size
        kv.decoding += 1
        sequence.offset = size - self.tick
        kv.phases[sequence.offset & MASK] += 1
        sequence.finish_tick = self.tick + request.output - sequence.generated - 1
        self.serial += 1
        heapq.heappush(self.finishing, (sequence.finish_tick, self.serial, sequence.epoch, sequence))
        self.totals.prefilled(sequence, now)
        if sequence.first_token_at < 0:
            sequence.first_token_at = now
            self.prefixes.keep(request)

    def _finished(self, now: float) -> list[Sequence]:
        finishing, tick = self.finishing, self.tick
        finished = []
        while finishing and finishing[0][0] <= tick:
            sequence = heapq.heappop(finishing)[3]
            sequence.finished_at = now
            self._free(sequence)
            del self.running[sequence]
            self.outstanding -= 1
            finished.append(sequence)
            self._drop_stale()
        self.totals.finished += len(finished)
        return finished

    def _free(self, sequence: Sequence) -> None:
        """Give back the blocks of a sequence that decodes."""
        self.kv.tokens -= sequence.offset + self.tick
        self.kv.decoding -= 1
        self.kv.phases[sequence.offset & MASK] -= 1

    def _drop_stale(self) -> None:
        finishing = self.finishing
        while finishing and finishing[0][2] != finishing[0][3].epoch:
            heapq.heappop(finishing)

    def _make_room(self, now: float) -> bool:
        """Preempt until every sequence that decodes can grow by a token; return whether any had to go."""
        had_to = False
        while self.kv.decoding and not self.kv.has_room(self.tick, 1) and len(self.running) > 1:
            self._preempt(now)
            had_to = True
        return had_to

    def _preempt(self, now: float) -> None:
        """Put the sequence that was admitted last back to the front of the queue."""
        sequence, _ = self.running.popitem()
        if sequence.left:
            self.prefilling.remove(sequence)
            self.kv.reserved -= blocks_of(sequence.size)
        else:
            self._free(sequence)
            sequence.generated = sequence.request.output - (sequence.finish_tick - self.tick)
            sequence.last_token_at = now
            sequence.epoch += 1
            self._drop_stale()
        sequence.left = 0
        self.waiting.appendleft(sequence)
        self.totals.preemptions += 1
