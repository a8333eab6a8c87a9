"""An engine that runs every step and looks at every sequence: slow, and plainly what vLLM's scheduler does."""

from collections import deque
from dataclasses import dataclass, field

from modelfleet.scaling.simulation.kv_blocks import blocks_of
from modelfleet.scaling.simulation.profile import EngineProfile
from modelfleet.scaling.simulation.request import Request


@dataclass(eq=False)
class Running:
    """One request with all its state."""

    request: Request
    generated: int = 0
    computed: int = 0
    goal: int = 0
    first_token_at: float | None = None
    finished_at: float | None = None

    @property
    def decodes(self) -> bool:
        """Whether its prompt is computed."""
        return self.computed >= self.goal


@dataclass
class Stepwise:
    """Serve *requests* one step after the other."""

    profile: EngineProfile
    requests: list[Request]
    now: float = 0.0
    preemptions: int = 0
    waiting: deque[Running] = field(default_factory=deque)
    running: list[Running] = field(default_factory=list)

    def run(self) -> list[Running]:
        """Return all requests, served."""
        everything = [Running(request) for request in self.requests]
        arriving = deque(everything)
        while arriving or self.waiting or self.running:
            if not (self.waiting or self.running):
                self.now = max(self.now, arriving[0].request.arrival)
            while arriving and arriving[0].request.arrival <= self.now:
                self.waiting.append(arriving.popleft())
            self.step()
        return everything

    def step(self) -> None:
        """Run one step."""
        preempted = self.make_room()
        decoding = [one for one in self.running if one.decodes]
        budget = self.profile.tokens_per_step - len(decoding)
        chunks = []
        for one in [one for one in self.running if not one.decodes]:
            chunks.append((one, min(budget, one.goal - one.computed)))
            budget -= chunks[-1][1]
        while self.waiting and budget and not preempted and self.fits(self.waiting[0]):
            one = self.waiting.popleft()
            one.computed, one.goal = 0, one.request.prompt + one.generated
            self.running.append(one)
            chunks.append((one, min(budget, one.goal)))
            budget -= chunks[-1][1]
        self.now += self.profile.step_seconds(
            tokens=len(decoding) + sum(chunk for _, chunk in chunks),
            kv_tokens=sum(one.computed for one in decoding),
            attended=sum(chunk * (one.computed + chunk / 2) for one, chunk in chunks),
        )
        for one in decoding:
            one.computed += 1
            self.emit(one)
        for one, chunk in chunks:
            one.computed += chunk
            if one.decodes:
                self.emit(one)

    def emit(self, one: Running) -> None:
        """Give the client a token."""
        one.generated += 1
        if one.first_token_at is None:
            one.first_token_at = self.now
        if one.generated == one.request.output:
            one.finished_at = self.now
            self.running.remove(one)

    def blocks(self, growth: int) -> int:
        """Return the blocks in use when all that decode have grown by *growth* tokens."""
        return sum(blocks_of(one.computed + growth if one.decodes else one.goal) for one in self.running)

    def fits(self, one: Running) -> bool:
        """Whether a prompt can be admitted."""
        wanted = blocks_of(one.request.prompt + one.generated)
        return len(self.running) < self.profile.sequences and self.blocks(1) + wanted <= self.profile.kv_blocks

    def make_room(self) -> bool:
        """Preempt until the next step has its blocks; return whether any had to go."""
        before = self.preemptions
        while self.blocks(1) > self.profile.kv_blocks and len(self.running) > 1:
            self.waiting.appendleft(self.running.pop())
            self.preemptions += 1
        return self.preemptions > before
